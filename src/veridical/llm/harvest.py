"""How do exactly N records get accepted, under quotas, at no more than their cost, whatever dies on the way?

Tasks are begun only while what is accepted plus what is expected of those in flight falls short of N, so little is
paid for in vain at the end. Every decision is in the journal before it counts.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson

from veridical.core import digest
from veridical.core.errors import BudgetError, ProviderError, SpecError, VeridicalError
from veridical.llm.candidate import Ask, Candidate, Check, Pool, Recipe, Rejection
from veridical.llm.chat import AccessDeniedError, ChatReply, ChatRequest, ServerDownError
from veridical.llm.session import Session
from veridical.store.journal import Journal, RecordRow

_ENOUGH = 20  # tasks after which a yield is believed
_EMPTY = "the recipe made nothing of the reply"
_FAILED_IN_A_ROW = 50  # tasks: no longer one poisoned record, but something that is wrong with all


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is wanted: `records` accepted, with exactly `quotas[dimension][value]` of each value.

    `max_candidates` caps how many candidates may be decided on (None: 20 times `records`, at least 200);
    `in_flight` is how many tasks ask at once; a quarter more may be on their way to or from the journal.
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
    def tasks_at_once(self) -> int:
        """The most tasks that are begun and not ended."""
        return self.in_flight + self.in_flight // 4

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
        self._most_made = max(1, int(getattr(recipe, "per_call", 1)))  # candidates of one task
        self.ended = 0
        self.surplus = 0
        self.failed_tasks = 0
        self.by_check: Counter[str] = Counter()
        self.latest: Candidate | None = None
        self._checks = checks
        # A recipe that grows from what was accepted is told of it as a pool is.
        self._pools = (*pools, recipe) if isinstance(recipe, Pool) else pools
        self._told = told
        self._room = {name: dict(values) for name, values in goal.quotas.items()}
        self._coming: dict[str, Counter[str]] = defaultdict(Counter)
        self._refused: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._next_task = 0
        self._running: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._stop: BaseException | None = None
        self._failed_in_a_row = 0
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
                if self._stop is not None and not isinstance(self._stop, BudgetError):
                    raise self._stop
                if self._told is not None:
                    self._told(self)
        finally:
            left = list(self._running)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        return self._outcome()

    @property
    def yield_share(self) -> float:
        """The share of candidates that were good enough so far; 1 until 20 are known."""
        return (self.accepted + self.surplus) / self.decided if self.decided >= _ENOUGH else 1.0

    @property
    def _per_task(self) -> float:
        return max((self.accepted + self.surplus) / self.ended, 0.02) if self.ended >= _ENOUGH else 1.0

    # What is begun.

    def _fill(self) -> None:
        while self._stop is None and len(self._running) < self.goal.tasks_at_once and self._wants_more():
            number, self._next_task = self._next_task, self._next_task + 1
            self._start(number, self.recipe.plan(number, self._wanted()), begun=False)

    def _wants_more(self) -> bool:
        if self.accepted >= self.goal.records:
            return False
        # Each task may make as many candidates as any has made: the cap holds whatever a call gives.
        begun = self.decided + len(self._running)
        if begun and self.decided + (len(self._running) + 1) * self._most_made > self.goal.candidate_cap:
            return False
        return self.accepted + len(self._running) * self._per_task < self.goal.records

    def _wanted(self) -> dict[str, str]:
        wanted = {}
        for dimension, room in self._room.items():
            coming = self._coming[dimension]
            wanted[dimension] = max(room, key=lambda value: room[value] - coming[value] * self._per_task)
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
            self._stop = task.exception()
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
            self._most_made = max(self._most_made, len(made))
            share = cost / max(1, len(made))
            rows = [self._decide(number, index, item, share) for index, item in enumerate(judged)]
            if not made:
                self.decided += 1
                self.by_check[_EMPTY] += 1
            await self.journal.finish(number, rows, failed_because="" if made else _EMPTY)
            self._failed_in_a_row = 0
        except (AccessDeniedError, ServerDownError, BudgetError) as reached:
            self._stop = reached  # the task stays open: a resumed run goes on with it
        except ProviderError as failed:
            await self._give_up(number, failed)
        except VeridicalError as wrong:
            self._stop = wrong
        except Exception as bug:  # noqa: BLE001 - a reply nobody foresaw must cost one record, not the run
            await self._give_up(number, _without_values(bug))
        finally:
            self.ended += 1
            self.session.forget(number)
            for dimension, value in wanted.items():
                self._coming[dimension][value] -= 1

    async def _give_up(self, number: int, failed: ProviderError) -> None:
        self.failed_tasks += 1
        self.decided += 1
        self.by_check["provider"] += 1
        await self.journal.finish(number, [], failed_because=str(failed))
        self._failed_in_a_row += 1
        if self._failed_in_a_row >= _FAILED_IN_A_ROW:
            self._stop = ProviderError(
                f"{self._failed_in_a_row} tasks in a row failed; the last: {failed.what}",
                where=failed.where,
                fix=failed.fix or "mend it, then `veridical text resume --retry-failed`",
            )

    async def _checked(self, candidate: Candidate, ask: Ask) -> tuple[Candidate, Rejection | None]:
        if candidate.rejected is not None:
            return replace(candidate, rejected=None), candidate.rejected
        for check in self._checks:
            result = await check(candidate, ask)
            if isinstance(result, Rejection):
                return candidate, result
            candidate = result
        return candidate, None

    def _decide(self, number: int, index: int, item: tuple[Candidate, Rejection | None], cost: float) -> RecordRow:
        # No await in here: between a pool's look and its admission nothing else may be decided.
        candidate, rejection = item
        if cost:
            candidate = replace(candidate, cost=cost)
        for pool in self._pools:
            rejection = rejection or pool.refuses(candidate)
        self.decided += 1
        if rejection is not None:
            state = "rejected"
            self._note_rejection(rejection.check, candidate.attributes)
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
                self._note_rejection(row.check, parsed(row.body)["attributes"])
        for _, reason in self.journal.failed_tasks():
            self.decided += 1
            self.by_check[_EMPTY if reason == _EMPTY else "provider"] += 1
            self.failed_tasks += reason != _EMPTY
        self.ended = self._next_task - len(self.journal.open_tasks())

    def _note_rejection(self, check: str, attributes: Mapping[str, str]) -> None:
        self.by_check[check] += 1
        for dimension, value in attributes.items():
            self._refused[dimension, value][check] += 1

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


def _without_values(bug: Exception) -> ProviderError:
    """Name the kind and the place of a bug; its message may quote a reply."""
    frame = traceback.extract_tb(bug.__traceback__)[-1]
    return ProviderError(
        f"the recipe or a check broke on what was said ({type(bug).__name__} at {frame.name}:{frame.lineno})",
        where=Path(frame.filename).name,
    )


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
