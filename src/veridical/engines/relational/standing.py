"""Which rows of a table stand for the learned parents of many children each, and so get their kinds and numbers?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from veridical.engines.relational.coarse import likest
from veridical.engines.relational.made import Made
from veridical.engines.relational.model import Profiles, TableModel
from veridical.prepare.link import Rows


def places(
    model: TableModel, table: Made, rng: np.random.Generator, scale: float = 1.0
) -> dict[int, tuple[Rows, Rows]]:
    """Return by link each row's kind of children and their number, for links whose parents are kinds by themselves.

    At a `scale` of two each learned parent stands behind two rows, at a half every other one behind one; the same goes
    for the factor by which more rows come out than were learned from.
    """
    profiles = model.profiles
    if profiles is None or not profiles.size:
        return {}
    if model.kept is not None:
        who = stands = np.arange(table.rows)
    else:
        who, stands = _standing(profiles, table, rng, model.factor * (1.0 if model.fixed else scale))
    found = {}
    for i, kinds in profiles.kinds.items():
        labels, numbers = np.full(table.rows, -1, dtype=np.int64), np.zeros(table.rows, dtype=np.int64)
        # More than one learned parent may stand behind a new one, when there are fewer of them.
        labels[stands] = kinds[who]
        np.add.at(numbers, stands, profiles.numbers[i][who])
        found[i] = labels, numbers
    return found


def _standing(profiles: Profiles, table: Made, rng: np.random.Generator, scale: float) -> tuple[Rows, Rows]:
    """Return learned parents, each as often as the scale says, and the made rows that they stand behind."""
    copies = [np.arange(profiles.size)] * int(scale)
    part = round((scale - int(scale)) * profiles.size)
    if part:
        copies.append(rng.permutation(profiles.size)[:part])
    stands: list[Rows] = []
    open_rows = np.arange(table.rows)
    for copy in copies:
        here = open_rows if len(open_rows) >= len(copy) else np.arange(table.rows)
        stands.append(here[_likest(profiles, copy, table, here, rng)])
        open_rows = np.setdiff1d(open_rows, stands[-1])
    nobody = np.zeros(0, dtype=np.int64)
    return np.concatenate([nobody, *copies]), np.concatenate([nobody, *stands])


def _likest(profiles: Profiles, who: Rows, table: Made, rows: Rows, rng: np.random.Generator) -> Rows:
    """Return for each of some learned parents the place of the made row that is most like it."""
    chosen = pa.array(rows)
    both = [
        (
            codes[who].astype(np.int64),
            one.codes(pa.chunked_array([table.columns[one.name].take(chosen)])),
            bool(one.edges) or one.ranked,
        )
        for one, codes in zip(profiles.coarse, profiles.levels, strict=True)
        if one.name in table.columns
    ]
    nothing = (np.zeros(len(who), dtype=np.int64), np.zeros(len(rows), dtype=np.int64), False)
    known, mine, ordered = zip(*(both or [nothing]), strict=True)
    return likest(known, mine, ordered, rng)
