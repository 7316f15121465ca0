"""What would a text run ask, and what will all of it cost, yield and take?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veridical.core.errors import BudgetError, DataError
from veridical.core.proportion import wilson
from veridical.llm.chat import ChatReply, ChatRequest
from veridical.llm.cost import Price, most, packaged_prices
from veridical.llm.roster import roster
from veridical.spec.text import TextSpec
from veridical.stages.text import harvest_into, ready
from veridical.stages.text_parts import parts_of
from veridical.stages.text_rows import with_seeds_for_rows
from veridical.store.journal import Journal

if TYPE_CHECKING:
    from veridical.core.contracts import RunContext

_RESAMPLES = 2000
NINETY = 0.9  # the level of every interval of a forecast
_SHARE = 0.9  # of the resamples lies in an interval


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What a run would ask first, of whom, and the most that one candidate's first questions may cost."""

    name: str
    records: int
    models: Mapping[str, str]
    parts: Mapping[str, tuple[str, ...]]
    prompts: tuple[str, ...]
    most_usd: float | None  # None: a model has no price

    def lines(self) -> Iterator[str]:
        """Yield the lines for a person."""
        yield f"{self.name}: {self.records:,} records, nobody was asked"
        for role, model in self.models.items():
            yield f"  {role:<9} {model}"
        for kind, names in self.parts.items():
            yield f"  {kind:<9} {', '.join(names) or 'none'}"
        for number, prompt in enumerate(self.prompts):
            yield f"--- question {number + 1}"
            yield prompt
        yield "---"
        if self.most_usd is None:
            yield "forecast    no price for the teacher: add it under `prices:`"
        else:
            whole = self.most_usd * self.records
            yield f"forecast    at most ${self.most_usd:.6f} a candidate, ${whole:,.4f} for all at full yield"
        yield "            `veridical text forecast` pays for a pilot and says what to expect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """An estimate with its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a pilot says of the whole: yield by Wilson's interval, cost and time by resampling the pilot's tasks."""

    folder: str
    candidates: int
    accepted: int
    records: int
    pilot_usd: float
    yield_share: Figure
    cost_usd: Figure | None  # of all records, the pilot's included; None: nothing was accepted, or no price
    seconds: Figure | None
    unpriced: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-like data."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Yield the lines for a person."""
        y = self.yield_share
        yield f"pilot       {self.candidates} candidates, {self.accepted} good enough, ${self.pilot_usd:.4f}"
        yield f"yield       {y.value:.0%} (90 % interval {y.low:.0%} to {y.high:.0%})"
        if self.cost_usd is not None:
            c = self.cost_usd
            yield f"cost        ${c.value:,.4f} for {self.records:,} accepted (${c.low:,.4f} to ${c.high:,.4f})"
        else:
            why = f"no price for {', '.join(self.unpriced)}" if self.unpriced else "nothing was accepted"
            yield f"cost        unknown: {why}"
        if self.seconds is not None:
            s = self.seconds
            yield f"time        {_span(s.value)} ({_span(s.low)} to {_span(s.high)}), if the server keeps up"
        yield f"kept        {self.folder}: the pilot counts, `veridical text` goes on from it"


def dry_run(spec: TextSpec, *, questions: int = 3) -> DryRun:
    """Return the first questions of a run without asking anybody.

    Raises:
        SpecError: a part of the spec is wrong.
    """
    spec = with_seeds_for_rows(spec)
    parts, roles = parts_of(spec), roster(spec.models)
    asked: list[ChatRequest] = []

    async def look() -> None:
        async def ask(request: ChatRequest, **_: Any) -> ChatReply:
            asked.append(request)
            return await asyncio.get_running_loop().create_future()  # nobody answers

        for number in range(questions):
            wanted = {name: list(values)[number % len(values)] for name, values in spec.quotas.items()}
            task = asyncio.ensure_future(parts.recipe.make(parts.recipe.plan(number, wanted), ask))
            await asyncio.wait([task], timeout=0.05)
            if task.done():
                task.result()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(look())
    model = str(roles["teacher"][0].model.identity.get("model", ""))
    price = _price(spec, model)
    return DryRun(
        name=spec.document.name,
        records=spec.records,
        models={role: _named(ends[0].model.identity) for role, ends in roles.items()},
        parts={
            "recipe": (spec.recipe.name,),
            "checks": tuple(part.name for part in spec.checks),
            "pools": tuple(part.name for part in spec.pools),
        },
        prompts=tuple(_shown(request) for request in asked),
        most_usd=None if price is None else sum(most(r, price) for r in asked) / max(1, questions),
    )


def forecast_text(spec: TextSpec, ctx: RunContext, *, folder: Path, pilot: int = 20) -> Forecast:
    """Pay for a pilot in the run's own folder, where it counts, and return what all of it will take.

    Raises:
        DataError: the pilot decided on nothing. BudgetError: max_cost does not even pay for that.
        VeridicalError: as `run_text` does.
    """
    import numpy as np

    spec = ready(spec, folder, ctx)
    parts = parts_of(spec)
    start = time.monotonic()
    run = harvest_into(spec, folder, ctx, parts, limit=pilot)
    wall_s = time.monotonic() - start
    roles = roster(spec.models)
    key, about = parts.run_key(roles, spec)
    journal = Journal.open(folder, run_key=key, about=about)
    try:
        tasks = np.array(journal.ended_tasks(), dtype=float).reshape(-1, 3)
    finally:
        journal.close()
    if not len(tasks):
        if spec.max_cost is not None and run.harvested.stopped_because:
            fix = "raise max_cost: the pilot pays for its questions like the run itself"
            raise BudgetError("max_cost ends the pilot before anything is decided on", where="max_cost", fix=fix)
        raise DataError("the pilot decided on nothing", where=str(folder), fix="look at `veridical text inspect`")
    candidates, good = int(max(tasks[:, 1].sum(), len(tasks))), int(tasks[:, 2].sum())
    drawn = ctx.rng("text", "forecast").integers(0, len(tasks), (_RESAMPLES, len(tasks)))
    per_record = tasks[:, 0].sum() / good if good else None
    priced = not run.unpriced or run.spent > 0
    paid_in_pilot = run.tally.paid > 0
    return Forecast(
        folder=str(folder),
        candidates=candidates,
        accepted=good,
        records=spec.records,
        pilot_usd=run.spent,
        yield_share=_share(good, candidates),
        cost_usd=_scaled(tasks[drawn][:, :, 0].sum(1), tasks[drawn][:, :, 2].sum(1), per_record, spec.records)
        if priced
        else None,
        seconds=_seconds(spec, run.tally.paid, wall_s, tasks, drawn) if paid_in_pilot and good else None,
        unpriced=run.unpriced,
    )


def _scaled(costs: Any, goods: Any, per_record: float | None, records: int) -> Figure | None:
    import numpy as np

    if per_record is None:
        return None
    # A resample without a good record says "at least the worst of the others".
    ratios = np.where(goods > 0, costs / np.maximum(goods, 1), np.inf)
    finite = ratios[np.isfinite(ratios)]
    ratios = np.where(np.isfinite(ratios), ratios, finite.max() if len(finite) else per_record)
    low, high = np.quantile(ratios, [(1 - _SHARE) / 2, (1 + _SHARE) / 2])
    return Figure(value=per_record * records, low=float(low) * records, high=float(high) * records)


def _seconds(spec: TextSpec, paid: int, wall_s: float, tasks: Any, drawn: Any) -> Figure | None:
    """Scale the pilot's pace by how many more requests may be in flight in the whole run."""
    import numpy as np

    teacher = spec.models["teacher"][0]
    wide = min(spec.in_flight, int(teacher.limits.get("largest_window", 256)))
    if teacher.provider == "embedded":
        wide = min(wide, int(teacher.options.get("slots", 8)))
    factor = max(1.0, wide / max(1, min(len(tasks), wide, paid)))
    pace_s = wall_s / len(tasks) / factor
    return _scaled(np.full(len(drawn), pace_s * len(tasks)), tasks[drawn][:, :, 2].sum(1),
                   pace_s * len(tasks) / tasks[:, 2].sum(), spec.records)  # fmt: skip


def _share(good: int, of: int) -> Figure:
    sure = wilson(good, of, NINETY)
    return Figure(value=good / of, low=sure.low, high=sure.high)


def _price(spec: TextSpec, model: str) -> Price | None:
    return packaged_prices().extended(spec.prices).price(model)


def _named(identity: Mapping[str, Any]) -> str:
    place = f" at {identity['endpoint']}" if "endpoint" in identity else ""
    return f"{identity.get('model')}{place} ({identity.get('provider')})"


def _shown(request: ChatRequest) -> str:
    if request.prompt is not None:
        return request.prompt
    return "\n".join(f"[{message.role}] {message.content}" for message in request.messages)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:,.0f} s"
    return f"{seconds / 60:,.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"
