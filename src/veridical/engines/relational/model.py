"""What is remembered of linked tables: of each link its numbers and groups, of each table its own model?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from veridical.core.contracts import Generator
from veridical.core.schema import Column
from veridical.engines.relational.coarse import Coarse
from veridical.engines.relational.plan import TablePlan
from veridical.engines.relational.strand import Strands
from veridical.prepare.link import Rows

EMPTY = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkModel:
    """What is remembered of one link.

    `numbers` are the sorted numbers of children of parents that are there; `missing_numbers` and `missing_kinds` those
    of parents that are not, and their groups. `nulls` of `rows` child rows have no key, `to_self` point to themselves.
    `alone`: groups are single parents of a lookup table. `circles`: a self-reference that may come round. `pairs`: of a
    matched link, how many different pairs of owner and parent there are per row. `unlike` are the other links of its
    table by which no row has the same parent.
    """

    numbers: Rows
    rows: int
    kinds: int
    alone: bool
    nulls: int = 0
    to_self: int = 0
    circles: bool = False
    pairs: float = 1.0
    unlike: tuple[int, ...] = ()
    missing_numbers: Rows = field(default_factory=lambda: EMPTY)
    missing_kinds: Rows = field(default_factory=lambda: EMPTY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """The parents of a lookup table that have children: by link their group and number, and coarse levels of each."""

    kinds: Mapping[int, Rows]
    numbers: Mapping[int, Rows]
    coarse: tuple[Coarse, ...] = ()
    levels: tuple[Rows, ...] = ()

    @property
    def size(self) -> int:
        """How many parents there are."""
        return len(next(iter(self.kinds.values()))) if self.kinds else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TableModel:
    """What is remembered of one table.

    `kept` holds the rows of a table that goes out as it is, with `profiles` of every row. `fixed` tables do not grow
    with the scale. `shuffled`: rows of one owner do not lie together. `context` names the columns given to the engine;
    `offered` are those that its own children may be given. Rows of one owner follow each other by the column `order`,
    where there is one: then `generator` is a law of sequences; `strands` says which series of a parent they belong
    to. `levels` are the values that numbers of few keep to. `siblings` are the columns, with their Arrow types, that
    each row is told of a row of the same owner.
    """

    plan: TablePlan
    rows: int
    generator: Generator | None
    context: tuple[str, ...] = ()
    offered: tuple[Column, ...] = ()
    kept: pa.Table | None = None
    profiles: Profiles | None = None
    fixed: bool = False
    shuffled: bool = False
    order: str | None = None
    strands: Strands | None = None
    levels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    siblings: Mapping[str, str] = field(default_factory=dict)
    factor: float = 1.0  # a part of the table was learned from: as many times more rows come out
