"""Can boosted trees tell made rows with their parents from real ones, on parents that they did not learn from?

A parent's columns stand in each of its children. A judge that splits rows at random sees the parents of its test rows
while it learns, and tells any other parents from the real ones by heart: even a second real sample scores 1. So each
chain of links (a transaction, its claim, its patient) is judged by itself, and no topmost parent of a chain stands on
both sides of a split. Lookup tables that are the same on both sides say nothing, and may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.dataset import Dataset
from veridical.core.schema import ForeignKey, Schema
from veridical.measures.linked.side import common_of, joined, numbers_of
from veridical.prepare.codec import whole
from veridical.prepare.link import point

JUDGED_ROWS = 8_000
LEAST_PARENTS = 12  # on a side; of fewer no half can be kept back
FOLDS, REPEATS = 3, 1
MOST_CHAINS = 6
BLOCKS = 40  # parts of the time of a parent whose rows follow each other
DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Chain:
    """Links from a table upwards, one after the other."""

    links: tuple[ForeignKey, ...]

    @property
    def name(self) -> str:
        """The chain in words: `claim > patient`."""
        return " > ".join(link.parent for link in self.links)

    @property
    def paths(self) -> list[str]:
        """The prefixes of the joined columns of each table along the chain."""
        found, path = [], ""
        for link in self.links:
            path += "_".join(link.columns) + "."
            found.append(path)
        return found


def chains(schema: Schema, table: str) -> list[Chain]:
    """Return chains from a table to its topmost ancestors, at most four links each, one for each of these."""

    def walk(name: str, above: tuple[ForeignKey, ...]) -> Iterator[Chain]:
        links = [one for one in schema.foreign_keys if one.table == name and one.parent != name]
        links = [one for one in links if one.parent not in {table, *(link.parent for link in above)}]
        if not links or len(above) == DEEPEST:
            if above:
                yield Chain(above)
            return
        for link in links:
            yield from walk(link.parent, (*above, link))

    by_end: dict[str, Chain] = {}
    for chain in walk(table, ()):
        by_end.setdefault(chain.links[-1].parent, chain)
    return list(by_end.values())[:MOST_CHAINS]


def areas(real: Dataset, made: Dataset, schema: Schema, table: str, *, seed: int = 0) -> dict[str, float]:
    """Return the area under the curve by chain of links above a table; `rows` is that of the table's own columns."""
    common = common_of(real, schema)
    flat = [joined(side, schema, table, common).rows for side in (real, made)]
    rng = np.random.default_rng(seed)
    picked = [np.sort(rng.permutation(side.num_rows)[:JUDGED_ROWS]) for side in flat]
    size = min(map(len, picked))
    picked = [np.sort(rng.permutation(each)[:size]) for each in picked]
    frames = [side.take(pa.array(rows)) for side, rows in zip(flat, picked, strict=True)]
    names = [name for name in frames[0].column_names if name in frames[1].column_names]
    told = {name: _numbers(frames[0][name], frames[1][name]) for name in names}
    own = [name for name in names if "." not in name]
    found = {"rows": _area([told[name] for name in own], np.arange(2 * size), size)} if own else {}
    for chain in chains(schema, table):
        groups, used = _groups(real, made, schema, chain, picked)
        columns = [told[name] for name in names if _of(name, chain.paths[:used]) or name in own]
        if used and len(columns) > len(own):
            found[chain.name] = _area(columns, groups, size)
    return found


def _of(name: str, paths: list[str]) -> bool:
    return any(name.startswith(path) and "." not in name[len(path) :] for path in paths)


def _numbers(one: pa.ChunkedArray, two: pa.ChunkedArray) -> np.ndarray:
    both = pa.concat_arrays([whole(one), whole(two).cast(one.type, safe=False)])
    kind = both.type
    if (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_temporal(kind)
    ):
        return numbers_of(both)
    codes = both.cast(pa.string()).dictionary_encode().indices
    return np.asarray(pc.fill_null(codes, -1).to_numpy(zero_copy_only=False), dtype=np.float64)


def _groups(
    real: Dataset, made: Dataset, schema: Schema, chain: Chain, picked: list[np.ndarray]
) -> tuple[np.ndarray, int]:
    """Return a group of each row, and how many links of the chain can be judged: those whose parents are enough."""
    sides = [_climbed(data, chain) for data in (real, made)]
    groups, used = np.arange(sum(map(len, picked))), 0
    for place, link in enumerate(chain.links):
        kept = real.tables[link.parent].equals(made.tables[link.parent].cast(real.tables[link.parent].schema))
        if kept:
            used = place + 1
            continue
        above = [side[place][rows] for side, rows in zip(sides, picked, strict=True)]
        if min(len(np.unique(rows[rows >= 0])) for rows in above) < LEAST_PARENTS:
            break
        groups, used = _numbered(above, real, made, schema, link.parent), place + 1
    return groups, used


def _numbered(above: list[np.ndarray], real: Dataset, made: Dataset, schema: Schema, parent: str) -> np.ndarray:
    """Parents of both sides numbered apart; of parents that follow each other in time, parts of their time together."""
    time = schema.table(parent).order_by
    if time is not None and pa.types.is_temporal(real.tables[parent].schema.field(time).type):
        ticks = [numbers_of(whole(side.tables[parent][time])) for side in (real, made)]
        cuts = np.quantile(ticks[0][np.isfinite(ticks[0])], np.linspace(0, 1, BLOCKS + 1)[1:-1])
        parts = [
            np.where(rows < 0, -1, np.searchsorted(cuts, held[rows])) for held, rows in zip(ticks, above, strict=True)
        ]
        both = np.concatenate(parts)
        return np.where(both < 0, BLOCKS + np.arange(len(both)), both)
    lift = int(above[0].max(initial=0)) + 1
    both = np.concatenate([above[0], np.where(above[1] < 0, -1, above[1] + lift)])
    return np.where(both < 0, int(both.max(initial=0)) + 1 + np.arange(len(both)), both)


def _climbed(data: Dataset, chain: Chain) -> list[np.ndarray]:
    """Return each row's ancestor at every link of the chain; -1 where there is none."""
    found: list[np.ndarray] = []
    for link in chain.links:
        pointed = point(data.tables, link)
        rows = np.where(pointed.rows >= pointed.present, -1, pointed.rows)
        found.append(rows if not found else np.append(rows, -1)[np.where(found[-1] < 0, len(rows), found[-1])])
    return found


def _area(columns: list[np.ndarray], groups: np.ndarray, size: int) -> float:
    """Return the mean area under the curve over splits by group; the first `size` rows are real."""
    import lightgbm
    from sklearn.metrics import roc_auc_score

    x, y = np.stack(columns, axis=1), np.repeat([1, 0], size)
    _, group = np.unique(groups, return_inverse=True)
    found: list[float] = []
    for repeat in range(REPEATS):
        fold = np.random.default_rng(repeat).permutation(int(group.max()) + 1)[group] % FOLDS
        for held in range(FOLDS):
            there = fold == held
            if len(np.unique(y[there])) < 2 or len(np.unique(y[~there])) < 2:
                continue
            model = lightgbm.LGBMClassifier(n_estimators=80, verbose=-1, n_jobs=1).fit(x[~there], y[~there])
            scores: Any = model.predict_proba(x[there])[:, 1]
            found.append(float(roc_auc_score(y[there], scores)))
    return float(np.mean(found)) if found else 0.5


def worst(found: Mapping[str, float]) -> tuple[str, float]:
    """Return the chain that is told best, and its area."""
    name = max(found, key=lambda one: found[one])
    return name, found[name]
