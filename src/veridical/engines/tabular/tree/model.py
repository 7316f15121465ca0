"""What does a table of prepared columns look like, told as one tree per column?"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.chunks import one_array
from veridical.core.contracts import RunContext
from veridical.core.schema import Column, Role
from veridical.encode.codes import Codec, Codes, tally
from veridical.encode.numeric import NumericCodec
from veridical.engines.tabular.tree import correction, forest, growing, leaning, order, phrasing, walking
from veridical.engines.tabular.tree.calibration import calibrated
from veridical.engines.tabular.tree.coding import NARROW, coarse_map, fit_codec
from veridical.engines.tabular.tree.correction import Boosting
from veridical.engines.tabular.tree.growing import Growth, Leaves, Predictor, Smoothing, Target, Tree
from veridical.engines.tabular.tree.sampler import Part, TreeSampler, numbers
from veridical.engines.tabular.tree.wording import Values, Wording

FINE = 64  # codes beyond which a column's grain is tuned


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeModel:
    """Options of the sequential trees; `orders` and `prices` are candidates, chosen by held-out likelihood."""

    reads_narrow: ClassVar[bool] = True
    growth: Growth = field(default_factory=lambda: Growth(trees=2))
    forest_rows: int = 200_000  # rows beyond which one tree is grown: it no longer follows single rows
    smoothing: Smoothing = field(default_factory=Smoothing)
    prices: tuple[float, ...] = (1.2,)
    few_prices: tuple[float, ...] = (1.15,)  # the same, of fewer rows than fill the leaves of a forest
    strengths: tuple[float, ...] = (0.3,)
    grains: tuple[int, ...] = (4, 16)
    orders: tuple[str, ...] = ("fewest_first", "given")
    trial_rows: int = 12_000  # rows on which orders are compared
    tuning_rows: int = 150_000  # rows on which pruning and back-off are tuned
    most_rows: int = 1_000_000  # rows, drawn at random, that trees are grown on: more cost time and tell little
    most_predictors: int = 48
    trial_draw: int = 30_000  # rows drawn to see whether values come as often as they were seen; 0: not looked at
    leanings: int = 3  # scores of all earlier columns that each column may be told by
    boosting: Boosting = field(default_factory=Boosting)  # of what the trees leave untold

    def fit(self, table: pa.Table, columns: Sequence[Column], ctx: RunContext, *, rare_below: int = 5) -> TreeSampler:
        """Return what is learned of a prepared table."""
        coded = code(table, columns, ctx, rare_below)
        del table
        return fit_coded(self, coded, columns, ctx)


@dataclass(frozen=True)
class Coded:
    """A table as codes: per column its codec, codes, and predictor bins; `table` holds its numbers and context."""

    columns: tuple[Column, ...]
    codecs: tuple[Codec, ...]
    codes: tuple[Codes, ...]
    maps: tuple[Codes, ...]
    predictors: tuple[Predictor, ...]
    rows: int
    table: pa.Table
    rare_below: int

    @cached_property
    def levels(self) -> NDArray[np.uint8]:
        """All columns on 16 levels over a sample of rows: columns x rows."""
        rows = np.linspace(0, max(0, self.rows - 1), min(self.rows, order.SCREEN_ROWS)).astype(np.intp)
        return np.stack([order.levels_of(predictor, rows) for predictor in self.predictors])

    def numbers(self, at: int, rows: NDArray[np.int32] | None = None) -> Values:
        """Return one numeric column's values, or those of some rows, with nan for null."""
        values = one_array(self.table.column(self.columns[at].name))
        return numbers(values if rows is None else values.take(pa.array(rows)))


def code(table: pa.Table, columns: Sequence[Column], ctx: RunContext, rare_below: int) -> Coded:
    """Return the table as codes, one thread a column."""

    def one(column: Column) -> tuple[Codec, Codes, Codes, Predictor]:
        values = table.column(column.name)
        codec = fit_codec(values, column, rare_below, narrow=len(columns) <= NARROW)
        codes = np.concatenate([codec.encode(c) for c in values.chunks] or [np.zeros(0, np.uint16)])
        coarse = coarse_map(codec, codes)
        bins = int(coarse.max(initial=0)) + 1
        # Most columns have few codes: what tells others by them are the codes themselves.
        seen = codes if np.array_equal(coarse, np.arange(codec.size)) else coarse[codes]
        return codec, codes, coarse, Predictor(seen, bins, not codec.ordered)

    with ThreadPoolExecutor(max(1, ctx.workers)) as pool:
        found = list(pool.map(one, columns))
    codecs, codes, maps, predictors = zip(*found, strict=True) if found else ((), (), (), ())
    # Of categories the codes tell all; the values of numbers are read again.
    read = [c.name for c, codec in zip(columns, codecs, strict=True) if codec.ordered or c.role is Role.CONTEXT]
    return Coded(tuple(columns), codecs, codes, maps, predictors, table.num_rows, table.select(read), rare_below)


def fit_coded(model: TreeModel, coded: Coded, columns: Sequence[Column], ctx: RunContext) -> TreeSampler:
    """Return the sampler of a coded table: the order first, then each column's tree."""
    if coded.rows > model.forest_rows:
        model = replace(model, growth=replace(model.growth, trees=1))
    if coded.rows < model.growth.filled_from:
        model = replace(model, prices=model.few_prices)
    rng = ctx.rng("model", "tree")
    rows = rng.permutation(coded.rows)[: model.most_rows].astype(np.int32)
    held = rows[: min(len(rows) // 6, 20_000)]
    train = rows[len(held) :]
    sequence = order.choose(model, coded, rows[: model.trial_rows])
    if len(sequence) > NARROW:
        model = replace(model, grains=model.grains[:1])
    place = {at: i for i, at in enumerate(sequence)}

    def one(at: int) -> Part:
        column = coded.columns[at]
        plain = Wording.plain(coded.codecs[at].size)
        if column.role is Role.CONTEXT:
            return Part(column, coded.codecs[at], coded.maps[at], (), leaning.NONE, None, plain)
        earlier = sequence[: place[at]]
        before = order.screen(model, coded, at, earlier)
        predictors = [coded.predictors[b] for b in before]
        plainly = Target.of(coded.codes[at], coded.codecs[at].size, rows, ordered=coded.codecs[at].ordered)
        leanings, more = leaning.fit(plainly, predictors, rows, model.leanings)
        predictors += more
        wording, said = phrase(model, coded, at, before, predictors, Split(train, held))
        target = Target.of(said, wording.size, rows, ordered=coded.codecs[at].ordered)
        smoothing = tune(model, target, predictors, Split(train, held), at)
        leaves = learn(model, target, predictors, rows, smoothing, at)
        spot = {b: place[b] for b in earlier}
        told_by = tuple(place[b] for b in before)
        return Part(column, coded.codecs[at], coded.maps[at], told_by, leanings, leaves, wording.moved(spot))

    with ThreadPoolExecutor(max(1, ctx.workers)) as pool:
        parts = tuple(pool.map(one, sequence))
    names = tuple(column.name for column in columns if column.role is Role.MODEL)
    sampler = TreeSampler(parts, names)
    if not model.trial_draw or not coded.rows:
        return sampler
    return corrected(model, coded, sampler, sequence, rows, rng)


def corrected(
    model: TreeModel,
    coded: Coded,
    sampler: TreeSampler,
    sequence: Sequence[int],
    rows: NDArray[np.int32],
    rng: np.random.Generator,
) -> TreeSampler:
    """Return the sampler set right by trial draws: how often each value comes, then which whole rows do."""
    given = [column.name for column in coded.columns if column.role is Role.CONTEXT]

    def context(count: int) -> pa.Table | None:
        return coded.table.select(given).take(pa.array(rng.integers(coded.rows, size=count))) if given else None

    size = model.trial_draw
    sampler = sampler.mended(calibrated, size, int(rng.integers(2**48)), context=context(size))
    size = model.boosting.looked_at(len(rows), len(sequence))
    if not size:
        return sampler
    made = sampler.trial(size, int(rng.integers(2**48)), context=context(size))
    real = [coded.predictors[at] for at in sequence]
    return replace(sampler, correction=correction.fit(real, made, rows, model.boosting, int(rng.integers(2**48))))


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to learn from, and rows kept back."""

    train: NDArray[np.int32]
    held: NDArray[np.int32]


def learn(
    model: TreeModel,
    target: Target,
    predictors: Sequence[Predictor],
    rows: NDArray[np.int32],
    smoothing: Smoothing,
    seed: int,
) -> Leaves:
    """Return the leaves of one column's trees."""
    return lay(forest.grow_forest(target, predictors, rows, model.growth, seed), target, smoothing)


def lay(trees: Sequence[Tree], target: Target, smoothing: Smoothing) -> Leaves:
    """Return the leaves of a forest, pruned."""
    pruned = [growing.prune(tree, smoothing.price) for tree in trees]
    return forest.join([growing.lay_leaves(tree, target, smoothing) for tree in pruned])


def phrase(
    model: TreeModel, coded: Coded, at: int, earlier: Sequence[int], predictors: Sequence[Predictor], split: Split
) -> tuple[Wording, Codes]:
    """Return the wording of one column under which rows kept back are likeliest, and its codes (places: as coded)."""
    codec, codes = coded.codecs[at], coded.codes[at]
    plain = Wording.plain(codec.size)
    sources = [b for b in earlier if isinstance(coded.codecs[b], NumericCodec)]
    if not isinstance(codec, NumericCodec) or not sources or len(split.held) < 50:
        return plain, codes
    some = np.sort(split.train[: phrasing.SAMPLE_ROWS])
    sample = {b: coded.numbers(b, some) for b in sources}
    root = np.concatenate([[0.0], np.cumsum(tally(codes, codec.size) / max(1, len(codes)))])
    found = phrasing.candidates(codec, root, coded.numbers(at, some), sample, rare_below=coded.rare_below)
    if not found:
        return plain, codes
    train, held = split.train[: model.trial_rows], split.held[: model.trial_rows // 3]
    best, best_codes, top = plain, codes, -np.inf
    for wording in [plain, *found]:
        values = {b: coded.numbers(b) for b in wording.sources}
        said = wording.say(codes, coded.numbers(at) if wording.sources else None, values)
        target = Target.of(said, wording.size, train, ordered=True)
        leaves = learn(model, target, predictors, train, model.smoothing, at)
        score = walking.score(leaves, [p.codes for p in predictors], said, len(held), held)
        score -= np.log(phrasing.widths(codec, wording)[said[held]])
        if score.sum() > top:
            best, best_codes, top = wording, said, float(score.sum())
    return best, best_codes


def tune(model: TreeModel, target: Target, predictors: Sequence[Predictor], split: Split, seed: int) -> Smoothing:
    """Return the pruning, back-off and grain under which rows kept back are likeliest."""
    grains = model.grains if target.ordered and len(target.root) > FINE else model.grains[:1]
    trials = [
        replace(model.smoothing, price=price, strength=strength, grain=grain)
        for price, strength, grain in product(model.prices, model.strengths, grains)
    ]
    if len(trials) == 1:
        return trials[0]
    if len(split.held) < 50:
        # Too few rows to tell: the one that follows single rows least.
        return max(trials, key=lambda trial: (trial.price, trial.strength, trial.grain))
    train = split.train[: model.tuning_rows]
    target = replace(target, root=Target.of(target.codes, len(target.root) - 1, train, ordered=target.ordered).root)
    grown = forest.grow_forest(target, predictors, train, model.growth, seed)
    columns = [p.codes for p in predictors]

    def likelihood(trial: Smoothing) -> float:
        leaves = lay(grown, target, trial)
        return float(walking.score(leaves, columns, target.codes, len(split.held), split.held).sum())

    return max(trials, key=likelihood)
