"""What does a table of prepared columns look like, told as one tree per column?"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import RunContext
from veridical.core.schema import Column, Role
from veridical.encode.codes import Codec, Codes
from veridical.engines.tabular.tree import growing, order, walking
from veridical.engines.tabular.tree.coding import coarse_map, fit_codec
from veridical.engines.tabular.tree.growing import Growth, Leaves, Predictor, Smoothing, Target
from veridical.engines.tabular.tree.sampler import Part, TreeSampler


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeModel:
    """Options of the sequential trees; `orders` and `prices` are candidates, chosen by held-out likelihood."""

    growth: Growth = field(default_factory=Growth)
    smoothing: Smoothing = field(default_factory=Smoothing)
    prices: tuple[float, ...] = (0.4, 0.7, 1.1)
    strengths: tuple[float, ...] = (2.0, 5.0, 12.0)
    orders: tuple[str, ...] = ("given", "fewest_first", "chain")
    trial_rows: int = 12_000  # rows on which orders are compared
    most_predictors: int = 48

    def fit(self, table: pa.Table, columns: Sequence[Column], ctx: RunContext, *, rare_below: int = 5) -> TreeSampler:
        """Return what is learned of a prepared table."""
        coded = code(table, columns, ctx, rare_below)
        return fit_coded(self, coded, columns, ctx)


@dataclass(frozen=True, slots=True)
class Coded:
    """A table as codes: per column its codec, codes, and predictor bins."""

    columns: tuple[Column, ...]
    codecs: tuple[Codec, ...]
    codes: tuple[Codes, ...]
    maps: tuple[Codes, ...]
    predictors: tuple[Predictor, ...]
    rows: int


def code(table: pa.Table, columns: Sequence[Column], ctx: RunContext, rare_below: int) -> Coded:
    """Return the table as codes, one thread a column."""

    def one(column: Column) -> tuple[Codec, Codes, Codes, Predictor]:
        values = table.column(column.name)
        codec = fit_codec(values, column, rare_below)
        codes = np.concatenate([codec.encode(c) for c in values.chunks] or [np.zeros(0, np.uint16)])
        coarse = coarse_map(codec, codes)
        bins = int(coarse.max(initial=0)) + 1
        return codec, codes, coarse, Predictor(coarse[codes], bins, not codec.ordered)

    with ThreadPoolExecutor(max(1, ctx.workers)) as pool:
        found = list(pool.map(one, columns))
    codecs, codes, maps, predictors = zip(*found, strict=True) if found else ((), (), (), ())
    return Coded(tuple(columns), codecs, codes, maps, predictors, table.num_rows)


def fit_coded(model: TreeModel, coded: Coded, columns: Sequence[Column], ctx: RunContext) -> TreeSampler:
    """Return the sampler of a coded table: the order first, then each column's tree."""
    rng = ctx.rng("model", "tree")
    rows = rng.permutation(coded.rows).astype(np.int32)
    held = rows[: min(coded.rows // 6, 20_000)]
    train = rows[len(held) :]
    sequence = order.choose(model, coded, rows[: model.trial_rows])
    place = {at: i for i, at in enumerate(sequence)}

    def one(at: int) -> Part:
        column = coded.columns[at]
        if column.role is Role.CONTEXT:
            return Part(column, coded.codecs[at], coded.maps[at], (), None)
        before = order.screen(model, coded, at, sequence[: place[at]])
        smoothing = tune(model, coded, at, before, train, held)
        leaves = learn(model, coded, at, before, rows, smoothing)
        return Part(column, coded.codecs[at], coded.maps[at], tuple(place[b] for b in before), leaves)

    with ThreadPoolExecutor(max(1, ctx.workers)) as pool:
        parts = tuple(pool.map(one, sequence))
    names = tuple(column.name for column in columns if column.role is Role.MODEL)
    return TreeSampler(parts, names)


def target_of(coded: Coded, at: int, rows: NDArray[np.int32]) -> Target:
    """Return one column as a target, with the shares seen in `rows`."""
    return Target.of(coded.codes[at], coded.codecs[at].size, rows, ordered=coded.codecs[at].ordered)


def learn(
    model: TreeModel, coded: Coded, at: int, before: Sequence[int], rows: NDArray[np.int32], smoothing: Smoothing
) -> Leaves:
    """Return the leaves of one column's tree."""
    target = target_of(coded, at, rows)
    tree = growing.grow(target, [coded.predictors[b] for b in before], rows, model.growth)
    tree = growing.prune(tree, smoothing.price)
    return growing.leaves_only(growing.lay_leaves(tree, target, smoothing))


def tune(
    model: TreeModel,
    coded: Coded,
    at: int,
    before: Sequence[int],
    train: NDArray[np.int32],
    held: NDArray[np.int32],
) -> Smoothing:
    """Return the pruning and back-off under which rows kept back are likeliest."""
    best = model.smoothing
    if len(held) < 50:
        return replace(best, price=max(model.prices), strength=max(model.strengths))
    target = target_of(coded, at, train)
    grown = growing.grow(target, [coded.predictors[b] for b in before], train, model.growth)
    columns = [coded.predictors[b].codes for b in before]
    top = -np.inf
    for price in model.prices:
        tree = growing.prune(grown, price)
        reached = None
        for strength in model.strengths:
            trial = replace(model.smoothing, price=price, strength=strength)
            leaves = growing.lay_leaves(tree, target, trial)
            if reached is None:
                reached = walking.route(leaves, columns, len(held), held)
            likelihood = float(walking.score(leaves, reached, coded.codes[at], held).sum())
            if likelihood > top:
                top, best = likelihood, trial
    return best
