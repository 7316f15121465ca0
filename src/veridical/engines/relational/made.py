"""What is asked of linked tables, and what is there of each table while it is made?"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from veridical.prepare.link import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked: the seed, how many times the source's size, and whether broken links are mended."""

    seed: int
    scale: float = 1.0
    mend: bool = False


@dataclass(slots=True)
class Made:
    """One table in the making: its columns so far, and by link its rows' groups and numbers of children.

    `above` holds for each link the row's parent: beyond the parent's rows are keys without a row.
    """

    rows: int
    columns: dict[str, pa.Array] = field(default_factory=dict)
    drawn: pa.Table | None = None
    kinds: dict[int, Rows] = field(default_factory=dict)
    numbers: dict[int, Rows] = field(default_factory=dict)
    above: dict[int, Rows] = field(default_factory=dict)
    given: dict[str, pa.Array] = field(default_factory=dict)
    offer: pa.Table | None = None
