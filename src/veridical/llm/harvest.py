"""How do exactly N records get accepted, under quotas, at no more than their cost, whatever dies on the way?

Tasks are begun only while what is accepted plus what is expected of those in flight falls short of N, so little is
paid for in vain at the end. Every decision is in the journal before it counts.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from veridical.core import digest
from veridical.core.errors import BudgetError, ProviderError, SpecError, VeridicalError
from veridical.llm.candidate import Candidate, Check, Pool, Recipe, Rejection
from veridical.llm.chat import ChatReply, ChatRequest
from veridical.llm.session import Session
from veridical.store.journal import Journal, RecordRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is wanted: `records` accepted, with exactly `quotas[dimension][value]` of each value.

    `max_candidates` caps how many candidates may be decided on (None: 20 times `records`, at least 200);
    `in_flight` caps how many tasks run at once.
    """

    records: int
    quotas: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    max_candidates: int | None = None
    in_flight: int = 256

    def __post_init__(self) -> None:
        for dimension, values in self.quotas.items():
            if sum(values.values()) != self.records:
                raise SpecError(
                    f"the quotas add up to {sum(values.values())}, not to {self.records}",
                    where=f"quotas.{dimension}",
                    fix="let them add up to the number of records",
                )

    @property
    def candidate_cap(self) -> int:
        """The most candidates that may be decided on."""
        return self.max_candidates if self.max_candidates is not None else max(200, 20 * self.records)


@dataclass(frozen=True, slots=True, kw_only=True)
class Harvested:
    """What a run came to: counts by fate, rejections by check, and which quotas starve and why."""

    accepted: int
    rejected: int
    surplus: int
    failed_tasks: int
    by_check: Mapping[str, int]
    starving: Mapping[str, str]
    stopped_because: str = ""

    @property
    def complete(self) -> bool:
        """Whether everything asked for was accepted."""
        return not self.starving and not self.stopped_because


Told = Callable[["Harvest"], None]


class Harvest:
    """One run towards a goal; `run()` may be called on a fresh or an interrupted journal alike."""

    def __init__(
        self,
        session: Session,
        recipe: Recipe,
        goal: Goal,
        *,
        checks: Sequence[Check] = (),
        pools: Sequence[Pool] = (),
        told: Told | None = None,
    ) -> None:
        self.session = session
        self.journal: Journal = session.journal
        self.recipe = recipe
        self.goal = goal
        self.accepted = 0
        self.decided = 0
        self.surplus = 0
        self.failed_tasks = 0
        self.by_check: Counter[str] = Counter()
        self.latest: Candidate | None = None
        self._checks = checks
        self._pools = pools
        self._told = told
        self._room = {name: dict(values) for name, values in goal.quotas.items()}
        self._coming: dict[str, Counter[str]] = defaultdict(Counter)
        self._refused: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._next_task = 0
        self._running: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._broken: BaseException | None = None
        self._stop: VeridicalError | None = None
        self._seq = 0

    async def run(self) -> Harvested:
        """Run to the goal, the cap or a budget; what was done before counts.

        Raises:
            VeridicalError: the journal cannot be written, or a request can never be accepted by any endpoint.
        """
        self._recall()
        for number, spec in self.journal.open_tasks():
            self._start(number, parsed(spec), begun=True)
        try:
            while True:
                self._fill()
                if not self._running:
                    break
                self._woken.clear()
                await self._woken.wait()
                if self._broken is not None:
                    raise self._broken
                if self._told is not None:
                    self._told(self)
        finally:
            left = list(self._running)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        if self._stop is not None and not isinstance(self._stop, BudgetError):
            raise self._stop
        return self._outcome()

    @property
    def yield_share(self) -> float:
        """The share of candidates that were good enough so far; 1 until 20 are known."""
        return (self.accepted + self.surplus) / self.decided if self.decided >= 20 else 1.0

    # What is begun.

    def _fill(self) -> None:
        while self._stop is None and len(self._running) < self.goal.in_flight and self._wants_more():
            number, self._next_task = self._next_task, self._next_task + 1
            self._start(number, self.recipe.plan(number, self._wanted()), begun=False)

    def _wants_more(self) -> bool:
        if self.accepted >= self.goal.records or self.decided + len(self._running) >= self.goal.candidate_cap:
            return False
        return self.accepted + len(self._running) * max(self.yield_share, 0.02) < self.goal.records

    def _wanted(self) -> dict[str, str]:
        wanted = {}
        for dimension, room in self._room.items():
            coming = self._coming[dimension]
            wanted[dimension] = max(room, key=lambda value: room[value] - coming[value] * self.yield_share)
        return wanted

    def _start(self, number: int, spec: Mapping[str, Any], *, begun: bool) -> None:
        self._next_task = max(self._next_task, number + 1)
        wanted = {name: str(spec[name]) for name in self._room if name in spec}
        for dimension, value in wanted.items():
            self._coming[dimension][value] += 1
        task = asyncio.create_task(self._work(number, spec, wanted, begun=begun))
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()
        self._woken.set()

    # What becomes of one task.

    async def _work(self, number: int, spec: Mapping[str, Any], wanted: Mapping[str, str], *, begun: bool) -> None:
        cost = 0.0

        async def ask(request: ChatRequest, *, step: str = "", role: str = "teacher") -> ChatReply:
            nonlocal cost
            reply, paid = await self.session.ask(request, task=number, step=step, role=role)
            cost += paid
            return reply

        try:
            if not begun:
                await self.journal.begin(number, orjson.dumps(spec).decode())
            made = await self.recipe.make(spec, ask)
            judged = [await self._checked(candidate, ask) for candidate in made]
            share = cost / max(1, len(made))
            rows = [self._decide(number, index, item, share) for index, item in enumerate(judged)]
            if not made:
                self.decided += 1
            await self.journal.finish(number, rows)
        except BudgetError as reached:
            self._stop = reached
        except ProviderError as failed:
            self.failed_tasks += 1
            self.decided += 1
            self.by_check["provider"] += 1
            await self.journal.finish(number, [], failed_because=str(failed))
            if self.failed_tasks > 50 and self.accepted == 0:
                self._stop = ProviderError(
                    f"the first {self.failed_tasks} tasks all failed; the last: {failed.what}",
                    where=failed.where,
                    fix=failed.fix,
                )
        except VeridicalError as wrong:
            self._stop = wrong
        finally:
            for dimension, value in wanted.items():
                self._coming[dimension][value] -= 1

    async def _checked(self, candidate: Candidate, ask: Any) -> tuple[Candidate, Rejection | None]:
        for check in self._checks:
            result = await check(candidate, ask)
            if isinstance(result, Rejection):
                return candidate, result
            candidate = result
        return candidate, None

    def _decide(self, number: int, index: int, item: tuple[Candidate, Rejection | None], cost: float) -> RecordRow:
        # No await in here: between a pool's look and its admission nothing else may be decided.
        candidate, rejection = item
        candidate = replace(candidate, cost=cost)
        for pool in self._pools:
            rejection = rejection or pool.refuses(candidate)
        self.decided += 1
        if rejection is not None:
            state = "rejected"
            self.by_check[rejection.check] += 1
            for dimension, value in candidate.attributes.items():
                self._refused[dimension, value][rejection.check] += 1
        elif self.accepted >= self.goal.records or not self._has_room(candidate):
            state, rejection = "surplus", Rejection("quota", "its quota is full")
            self.surplus += 1
        else:
            state = "accepted"
            self._admit(candidate)
        self._seq += 1
        body = encode(candidate)
        return RecordRow(
            id=digest.of_bytes(f"{number} {index} {body}".encode())[:20],
            seq=self._seq,
            task=number,
            state=state,
            check=rejection.check if rejection else "",
            reason=rejection.reason if rejection else "",
            body=body,
        )

    def _has_room(self, candidate: Candidate) -> bool:
        return all(room.get(candidate.attributes.get(name, ""), 0) > 0 for name, room in self._room.items())

    def _admit(self, candidate: Candidate) -> None:
        self.accepted += 1
        self.latest = candidate
        for dimension, room in self._room.items():
            room[candidate.attributes[dimension]] -= 1
        for pool in self._pools:
            pool.admit(candidate)

    # What was done before, and what it came to.

    def _recall(self) -> None:
        self._next_task = self.journal.task_count()
        for row in self.journal.records():
            self.decided += 1
            self._seq = max(self._seq, row.seq)
            if row.state == "accepted":
                self._admit(decode(row.body))
            elif row.state == "surplus":
                self.surplus += 1
            else:
                self.by_check[row.check] += 1
        self.failed_tasks = len(self.journal.failed_tasks())

    def _outcome(self) -> Harvested:
        short = self.goal.records - self.accepted
        starving: dict[str, str] = {}
        if short > 0:
            for dimension, room in self._room.items():
                for value, left in room.items():
                    if left > 0:
                        starving[f"{dimension}={value}"] = self._why(left, self._refused[dimension, value])
            if not starving:
                starving["records"] = self._why(short, self.by_check)
        return Harvested(
            accepted=self.accepted,
            rejected=sum(self.by_check.values()),
            surplus=self.surplus,
            failed_tasks=self.failed_tasks,
            by_check=dict(self.by_check),
            starving=starving,
            stopped_because=str(self._stop) if self._stop is not None else self._cap_reason(short),
        )

    def _cap_reason(self, short: int) -> str:
        if short <= 0:
            return ""
        return f"{self.decided} candidates were decided on and the cap is {self.goal.candidate_cap} (max_candidates)"

    def _why(self, left: int, refused: Counter[str]) -> str:
        causes = ", ".join(f"{check} turned away {count}" for check, count in refused.most_common(3))
        return f"{left} short; {causes or 'nothing was made for it'}"


def encode(candidate: Candidate) -> str:
    """Return a candidate as the journal keeps it."""
    return orjson.dumps(candidate).decode()


def decode(text: str) -> Candidate:
    """Return the candidate that `encode` wrote."""
    values = parsed(text)
    return Candidate(
        fields=values["fields"],
        attributes=values["attributes"],
        scores=values["scores"],
        steps=tuple(values["steps"]),
        models=tuple(values["models"]),
        cost=float(values["cost"]),
    )


def parsed(text: str) -> dict[str, Any]:
    """Return the object a JSON text holds."""
    value: dict[str, Any] = orjson.loads(text)
    return value
