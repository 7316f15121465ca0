"""Which rows stand side by side in time, so that a model that learned from one would know the next by heart?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from veridical.core.chunks import numbers_of
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, ForeignKey, Kind, Role, Schema, TableSchema
from veridical.encode.panel import owners
from veridical.measures.linked.side import LEAST_OWNERS, Flat
from veridical.prepare.codec import whole

BLOCK = "#block"
BLOCKS = 60  # parts of the whole time, of as many rows each: about a week of a year


def moment_of(data: Dataset, schema: Schema, table: str, path: Sequence[ForeignKey]) -> str | None:
    """Return the joined column of time of the first table, from `table` along `path`, that holds few long series.

    Where there are many series, each row's neighbours in time are other entities' as well, and tell nothing of it.
    """
    prefix = ""
    for link in (None, *path):
        name = table if link is None else link.parent
        prefix += "" if link is None else "_".join(link.columns) + "."
        if _few_series(data.tables[name], schema.table(name)):
            return f"{prefix}{schema.table(name).order_by}"
    return None


def _few_series(rows: pa.Table, schema: TableSchema) -> bool:
    if not schema.is_sequence or schema.order_by is None or rows.num_rows < 4 * BLOCKS:
        return False
    return int(owners(rows, schema.series or ()).max(initial=0)) + 1 < LEAST_OWNERS


def in_blocks(sides: Mapping[str, Flat], when: str) -> dict[str, Flat]:
    """Return the sides with the part of the time that each row lies in as one more column."""
    known = numbers_of(whole(sides["train"].rows[when]))
    cuts = np.unique(np.quantile(known[~np.isnan(known)], np.linspace(0, 1, BLOCKS + 1)[1:-1]))
    column = Column(name=BLOCK, kind=Kind.INTEGER, storage="int64", role=Role.MODEL, nullable=True)
    found = {}
    for side, flat in sides.items():
        block = np.searchsorted(cuts, np.nan_to_num(numbers_of(whole(flat.rows[when])), nan=-np.inf), side="right")
        found[side] = Flat(flat.rows.append_column(BLOCK, pa.array(block.astype(np.int64))), (*flat.columns, column))
    return found
