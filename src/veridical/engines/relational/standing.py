"""Which rows of a table stand for the learned parents of many children each, and so get their kinds and numbers?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from veridical.engines.relational.coarse import likest
from veridical.engines.relational.made import Made
from veridical.engines.relational.model import Profiles, TableModel
from veridical.prepare.link import Rows


def places(model: TableModel, table: Made, rng: np.random.Generator) -> dict[int, tuple[Rows, Rows]]:
    """Return by link each row's kind of children and their number, for links whose parents are kinds by themselves."""
    profiles = model.profiles
    if profiles is None or not profiles.size:
        return {}
    stands = np.arange(table.rows) if model.kept is not None else _likest(profiles, table, rng)
    found = {}
    for i, kinds in profiles.kinds.items():
        labels, numbers = np.full(table.rows, -1, dtype=np.int64), np.zeros(table.rows, dtype=np.int64)
        # More than one learned parent may stand behind a new one, when there are fewer of them.
        labels[stands] = kinds
        np.add.at(numbers, stands, profiles.numbers[i])
        found[i] = labels, numbers
    return found


def _likest(profiles: Profiles, table: Made, rng: np.random.Generator) -> Rows:
    """Return for each learned parent the made row that is most like it."""
    both = [
        (codes.astype(np.int64), one.codes(pa.chunked_array([table.columns[one.name]])), bool(one.edges) or one.ranked)
        for one, codes in zip(profiles.coarse, profiles.levels, strict=True)
        if one.name in table.columns
    ]
    nothing = (np.zeros(profiles.size, dtype=np.int64), np.zeros(table.rows, dtype=np.int64), False)
    known, mine, ordered = zip(*(both or [nothing]), strict=True)
    return likest(known, mine, ordered, rng)
