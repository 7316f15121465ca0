"""When do rows happen: on a calendar that entities share, on a regular grid, or at odd moments?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import RunContext
from veridical.core.errors import SchemaError
from veridical.core.schema import NUMERIC_KINDS, TEMPORAL_KINDS, Column, TableSchema
from veridical.encode.hole import FEW, runs
from veridical.encode.panel import Layout, Numbers, Places, numbers
from veridical.engines.sequence.season import calendar, waves
from veridical.prepare.codec import Place
from veridical.prepare.moment import PARTS, SECONDS, MomentCodec
from veridical.prepare.number import NumberCodec
from veridical.prepare.plain import codec_of
from veridical.prepare.single import learn_codec

_DAY_S = 86_400
_WEEK_S = 7 * _DAY_S
_BEFORE, _AFTER = 200, 1_200  # months that a grid of months goes on
_ROUNDED = 0.03  # of a step, by which rounded times lie off a grid
_FILLED = 0.5  # of the months between the first and the last
_CYCLE = 260  # gaps of a calendar that are repeated beyond its end
_USUAL = 0.97  # share of the commonest gap from which on gaps need no model
_TOGETHER, _LEAST_ENTITIES = 0.3, 10  # share of entities whose rows end on one tick, which closes the time for all


@dataclass(frozen=True)
class Clock:
    """Moments as whole ticks: places in a shared calendar, or multiples of `step` counts after `origin`.

    `codec` turns counts into the column's own type; `tick_s` is how many seconds a usual tick lasts (None where
    time is a plain number); `gaps` and `shares` hold the law of the usual gaps between rows, in ticks. `steady` says
    that each entity's gaps are so by themselves; `last` is the tick on which many entities end and beyond which none
    has rows.
    """

    codec: MomentCodec | NumberCodec
    origin: float
    step: float
    times: NDArray[np.float64] | None
    tick_s: float | None
    gaps: tuple[int, ...]
    shares: tuple[float, ...]
    span_s: float
    steady: bool = True
    last: int | None = None

    @property
    def column(self) -> Column:
        """The column of time."""
        return self.codec.column

    @property
    def is_regular(self) -> bool:
        """Whether nearly every gap is the same, so that gaps need no model of their own."""
        return bool(self.shares) and max(self.shares) >= _USUAL and self.steady

    def draw_gaps(self, count: int, rng: np.random.Generator) -> Places:
        """Return gaps drawn one by one, for clocks that are regular."""
        shares = np.array(self.shares)  # of all gaps: those that are rare are not among them
        return rng.choice(np.array(self.gaps), size=count, p=shares / shares.sum()).astype(np.int64)

    def ticks(self, counts: Numbers) -> Places:
        """Return the tick of each count: the nearest one where it lies between two."""
        if self.times is None:
            return np.rint((counts - self.origin) / self.step).astype(np.int64)
        usual = float(np.median(np.diff(self.times))) if len(self.times) > 1 else 1.0
        further = int(np.clip((counts.max(initial=0) - self.times[-1]) / max(usual, 1e-9), 0, 1e6)) + 1
        earlier = int(np.clip((self.times[0] - counts.min(initial=0)) / max(usual, 1e-9), 0, 1e6)) + 1
        known = self.counts(np.arange(-earlier, len(self.times) + further))
        after = np.clip(np.searchsorted(known, counts), 1, len(known) - 1)
        nearer = np.abs(known[after - 1] - counts) < np.abs(known[after] - counts)
        return (after - nearer - earlier).astype(np.int64)

    def counts(self, ticks: Places) -> Numbers:
        """Return the count of each tick; beyond its ends a calendar goes on as it last did."""
        if self.times is None:
            return np.asarray(self.origin + ticks * self.step, np.float64)
        times = self.times
        cycle = self._cycle
        inside = times[np.clip(ticks, 0, len(times) - 1)]
        past = np.maximum(ticks - (len(times) - 1), 0)
        whole, rest = np.divmod(past, len(cycle))
        after = whole * cycle.sum() + np.concatenate([[0.0], np.cumsum(cycle)])[rest]
        before = np.minimum(ticks, 0) * float(np.median(cycle))
        return np.asarray(inside + after + before, np.float64)

    @cached_property
    def _cycle(self) -> NDArray[np.float64]:
        """The gaps that a calendar goes on with: whole weeks of them where time has weeks."""
        if self.times is None or len(self.times) < 2:
            return np.ones(1)
        gaps = np.diff(self.times[-_CYCLE - 1 :])
        unit = _unit_s(self.codec)
        if unit is None:
            return gaps
        spans = np.cumsum(gaps[::-1]) * unit
        weeks = np.flatnonzero(np.abs(spans / _WEEK_S - np.rint(spans / _WEEK_S)) < 1e-9)
        return gaps if not len(weeks) else gaps[len(gaps) - int(weeks[-1]) - 1 :]

    def stored(self, counts: Numbers) -> pa.Array:
        """Return counts as the column's own type."""
        whole = isinstance(self.codec, MomentCodec) or self.codec.whole
        held = pa.array(np.rint(counts).astype(np.int64) if whole else counts)
        place = Place(rows=len(counts), rng=np.random.default_rng(0))
        return self.codec.decode({self.column.name: held}, place)[self.column.name]

    def parts(self, counts: Numbers) -> dict[str, Numbers]:
        """Return where in the year, week and day each count lies; nothing where time is a plain number."""
        seconds = self.seconds(counts)
        return {} if seconds is None else calendar(seconds, finest_s=self.tick_s or 1.0)

    def waves(self, parts: Mapping[str, Numbers]) -> dict[str, Numbers]:
        """Return smooth functions of the calendar."""
        return waves(parts, span_s=self.span_s)

    def seconds(self, counts: Numbers) -> Numbers | None:
        """Return counts as seconds since 1970; None where time is a plain number."""
        size = _unit_s(self.codec)
        return None if size is None else counts * size

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON-like data."""
        return {
            "codec": self.codec.to_plain(), "origin": self.origin, "step": self.step, "tick_s": self.tick_s,
            "times": None if self.times is None else self.times.tolist(),
            "gaps": list(self.gaps), "shares": list(self.shares), "span_s": self.span_s, "steady": self.steady,
            "last": self.last,
        }  # fmt: skip

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], schema: TableSchema) -> Clock:
        """Return what `to_plain` wrote."""
        codec = codec_of(plain["codec"], schema)
        assert isinstance(codec, MomentCodec | NumberCodec)
        times = None if plain["times"] is None else np.array(plain["times"], dtype=np.float64)
        return cls(
            codec, float(plain["origin"]), float(plain["step"]), times, plain["tick_s"],
            tuple(plain["gaps"]), tuple(plain["shares"]), float(plain["span_s"]), bool(plain.get("steady", True)),
            plain.get("last"),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Timed:
    """A clock, the tick of each row it was learned from, and the runs within which one row follows another.

    Of few series, holes in their time part these; a row after a hole follows nothing.
    """

    clock: Clock
    ticks: Places
    runs: Layout


def learn_clock(table: pa.Table, column: Column, layout: Layout, *, rare_below: int, ctx: RunContext) -> Timed:
    """Return the clock of a sorted table.

    A time that fewer than `rare_below` entities share is never part of the calendar.

    Raises:
        SchemaError: the column holds no times or numbers.
    """
    if column.kind not in NUMERIC_KINDS | TEMPORAL_KINDS:
        raise SchemaError(
            f"rows cannot be ordered by a {column.kind.value} column",
            where=column.name,
            fix="name a date, time or number as order_by",
        )
    ctx.progress("time", done=0, total=1)
    codec = learn_codec(table, column, rare_below=1, unique=False, may_split=False)
    assert isinstance(codec, MomentCodec | NumberCodec)
    counts = numbers(codec.encode(table)[column.name])
    follow = runs(counts, layout) if layout.entities < FEW else layout
    # A calendar with holes would send new rows over them.
    unit = _unit_s(codec)
    times = _months(counts, unit)
    if times is None and follow.entities == layout.entities:
        times = _shared_times(counts, layout, rare_below)
    inner = np.diff(follow.owner) == 0
    apart = np.diff(counts)[inner]
    step = _step(apart)
    origin = float(counts.min())
    draft = Clock(codec, origin, step, times, None, (1,), (1.0,), 0.0)
    ticks = draft.ticks(counts)
    if len(apart) and apart.min() > 0:
        ticks = _apart(ticks, layout)
    gaps = np.diff(ticks)[inner]
    usual = float(np.median(apart[apart > 0])) if (apart > 0).any() else step
    seen, shares = _law(gaps, rare_below)
    span = 0.0 if unit is None else float(counts.max() - counts.min()) * unit
    tick_s = None if unit is None else max(usual * unit, 1e-6)
    ctx.progress("time", done=1, total=1)
    steady, last = _steady(ticks, follow), _last(ticks, layout)
    return Timed(Clock(codec, origin, step, times, tick_s, seen, shares, span, steady, last), ticks, follow)


def _apart(ticks: Places, layout: Layout) -> Places:
    """Return ticks of which no two of an entity are one: of two times that fell on one, the later takes the next."""
    lift = layout.owner * (int(ticks.max() - ticks.min()) + layout.rows + 1)
    return np.asarray(np.maximum.accumulate(ticks - layout.position + lift) - lift + layout.position, np.int64)


def _steady(ticks: Places, layout: Layout) -> bool:
    """Whether the commonest gap is that of nearly every entity: a few with many others need a law of gaps."""
    inner = np.diff(layout.owner) == 0
    gaps, owner = np.diff(ticks)[inner], layout.owner[1:][inner]
    if not len(gaps):
        return True
    usual = np.bincount(gaps - gaps.min()).argmax() + gaps.min()
    each = np.bincount(owner, gaps == usual, layout.entities)[layout.lengths > 1]
    return bool((each / (layout.lengths[layout.lengths > 1] - 1)).mean() >= _USUAL)


def _last(ticks: Places, layout: Layout) -> int | None:
    """Return the tick on which the time of many entities ends together; None where each has an end of its own."""
    if layout.entities < _LEAST_ENTITIES:
        return None
    ends = ticks[layout.starts[1:] - 1]
    return int(ends.max()) if (ends == ends.max()).mean() >= _TOGETHER else None


def _shared_times(counts: Numbers, layout: Layout, rare_below: int) -> NDArray[np.float64] | None:
    """Return the times that entities share, where most rows lie on them; None when there is no calendar."""
    if layout.entities < max(rare_below, 5):
        return None
    times, owners = np.unique(counts, return_counts=True)
    common = times[owners >= rare_below]
    on_them = owners[owners >= rare_below].sum()
    if len(common) < 3 or on_them < 0.8 * len(counts) or np.average(owners, weights=owners) < 2 * rare_below:
        return None
    gaps = np.diff(common)
    regular = len(np.unique(np.round(gaps, 9))) == 1
    return None if regular and on_them == len(counts) else common


def _months(counts: Numbers, unit_s: float | None) -> NDArray[np.float64] | None:
    """Return the months, quarters or years on whose same day all rows lie, with many before and after; else None.

    Months are not equally long: counted in days, the first of a month would soon be its second.
    """
    if unit_s is None or not len(counts):
        return None
    seconds = np.unique(counts) * unit_s
    days = np.floor(seconds / _DAY_S)
    stamps = days.astype("datetime64[D]")
    months = stamps.astype("datetime64[M]")
    since, left = (stamps - months).astype(np.int64), ((months + 1).astype("datetime64[D]") - stamps).astype(np.int64)
    steps = np.diff(months.astype(np.int64))
    clock = seconds - days * _DAY_S
    ends = bool(np.all(left == 1)) and len(np.unique(since)) > 1
    if len(steps) < 2 or steps.min() < 1 or np.ptp(clock) > 0 or not (ends or np.ptp(since) == 0):
        return None
    each = int(np.gcd.reduce(steps))
    if len(steps) < _FILLED * steps.sum() / each:
        return None
    first, last = int(months[0].astype(np.int64)), int(months[-1].astype(np.int64))
    grid = np.arange(first - _BEFORE * each, last + _AFTER * each + 1, each).astype("datetime64[M]")
    found = (grid + 1).astype("datetime64[D]") - 1 if ends else grid.astype("datetime64[D]") + since[0]
    return np.asarray((found.astype(np.float64) * _DAY_S + clock[0]) / unit_s, np.float64)


def _step(apart: Numbers) -> float:
    """Return the greatest count that all gaps are multiples of; a hundredth of the least, where there is none."""
    positive = apart[apart > 0]
    if not len(positive):
        return 1.0
    if np.all(positive == np.rint(positive)):
        return float(np.gcd.reduce(positive.astype(np.int64)))
    ratio = positive / positive.min()
    if np.all(np.abs(ratio - np.rint(ratio)) < 1e-6):
        return float(positive.min())
    ratio = positive / float(np.median(positive))
    if np.all(np.abs(ratio - np.rint(ratio)) < _ROUNDED * np.maximum(ratio, 1.0)) and ratio.min() > 0.5:
        return float(positive.sum() / np.rint(ratio).sum())  # equal steps, told in a few digits
    return float(positive.min()) / 100.0


def _law(gaps: Places, rare_below: int) -> tuple[tuple[int, ...], tuple[float, ...]]:
    seen, tally = np.unique(gaps, return_counts=True)
    kept = tally >= rare_below
    if not kept.any():
        return ((int(np.median(gaps)),), (1.0,)) if len(gaps) else ((1,), (1.0,))
    shares = tally[kept] / len(gaps)
    if shares.sum() < 0.97:
        return tuple(seen[kept].tolist()), tuple(shares.tolist())
    return tuple(seen[kept].tolist()), tuple((shares / shares.sum()).tolist())


def _unit_s(codec: MomentCodec | NumberCodec) -> float | None:
    if not isinstance(codec, MomentCodec) or codec.column.kind not in TEMPORAL_KINDS:
        return None
    return float(SECONDS[codec.unit]) if codec.unit in SECONDS else 1.0 / PARTS[codec.unit]
