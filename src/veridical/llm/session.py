"""How is a question asked exactly once: journalled, limited, retried, and paid for?"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import orjson

from veridical.core import digest
from veridical.core.errors import ProviderError, SpecError
from veridical.llm.chat import (
    BrokenReplyError,
    ChatModel,
    ChatReply,
    ChatRequest,
    Finish,
    RetryableError,
    ServerDownError,
    TimedOutError,
    UnreachableError,
    Usage,
)
from veridical.llm.cost import Price, PriceTable, Purse, most, packaged_prices
from veridical.llm.limits import Limits, Window
from veridical.store.journal import Journal


@dataclass
class Endpoint:
    """A model and its window; a role may have several, asked in order of preference when one is broken."""

    model: ChatModel
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.window = Window(self.limits)


@runtime_checkable
class Resumable(Protocol):
    """A model that leaves work with the server (a batch), at a share of the price, and takes it up again."""

    discount: float

    def attach(self, journal: Journal) -> None: ...


@dataclass
class Tally:
    """What a session did: requests sent, replies paid, replies from the journal, failures by kind, and tokens."""

    sent: int = 0
    paid: int = 0
    replayed: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    prompt: int = 0
    completion: int = 0
    cached: int = 0

    def add(self, usage: Usage) -> None:
        """Count one paid reply."""
        self.paid += 1
        self.prompt += usage.prompt
        self.completion += usage.completion
        self.cached += usage.cached


class Session:
    """Asks models on behalf of tasks.

    `roles` maps a role ("teacher", "judge", "embedder") to its endpoints; `in_flight` caps the requests at once, to
    all of them together. A reply is returned only after it is on disk, so a crash can lose nothing that was paid
    except what was in flight.
    """

    def __init__(
        self,
        journal: Journal,
        roles: Mapping[str, Sequence[Endpoint]],
        *,
        purse: Purse | None = None,
        prices: PriceTable | None = None,
        seed: int = 0,
        in_flight: int | None = None,
    ) -> None:
        self.journal = journal
        self.roles = roles
        self.purse = purse if purse is not None else Purse()
        self.tally = Tally()
        self._places = None if in_flight is None else asyncio.Semaphore(in_flight)
        self._prices = prices if prices is not None else packaged_prices()
        self._price_of: dict[int, Price | None] = {}
        # Waiting times are jittered; they decide nothing about the data.
        self._jitter = random.Random(seed)
        self._known: dict[int, dict[str, tuple[str, float]]] = {}
        for task, key, reply, cost in journal.replies():
            self._known.setdefault(task, {})[key] = (reply, cost)
        self._asked: dict[int, dict[str, int]] = {}  # how often a task has put a question
        self._attempts = {role: max(end.limits.attempts for end in ends) for role, ends in roles.items()}
        # Two runs of one spec ask for different answers, even of a server that honours idempotency keys.
        run_id = journal.run_id
        self._identity = {
            role: f"{run_id} {digest.of_json([e.model.identity for e in ends])}" for role, ends in roles.items()
        }
        for model in (endpoint.model for ends in roles.values() for endpoint in ends):
            if isinstance(model, Resumable):
                model.attach(journal)
        self.purse.spent = journal.paid()[1]
        self.purse.doubtful = journal.doubtful()

    async def ask(
        self, request: ChatRequest, *, task: int, step: str, role: str = "teacher"
    ) -> tuple[ChatReply, float]:
        """Return the reply to a task's question and its cost, from the journal where it was already paid.

        A question asked again by the same task and step is a further sample: it is answered, and paid, once each time.

        Raises:
            BudgetError: max_cost might be passed. ServerDownError, AccessDeniedError: no endpoint can be used now.
            ProviderError: every endpoint gave up on this request, or refused it. SpecError: nobody has this role.
        """
        if role not in self._identity:
            raise SpecError(f"no model answers for the role {role!r}", where="models", fix=f"add `{role}:` to models")
        question = f"{self._identity[role]} {task} {step} {request.key}"
        asked = self._asked.setdefault(task, {})
        asked[question] = again = asked.get(question, 0) + 1
        key = digest.of_bytes(f"{question} {again}".encode())
        if task in self._known and (known := self._known[task].get(key)) is not None:
            self.tally.replayed += 1
            return decode(known[0]), known[1]
        async with self._places or nullcontext():
            # A place is held until the reply is on disk: what a crash can cost is never more than `in_flight`.
            reply, cost = await self._send(request, key, role)
            await self.journal.reply(key, task, encode(reply), cost)
        self.tally.add(reply.usage)
        return reply, cost

    def forget(self, task: int) -> None:
        """Drop what is remembered of a task that has ended."""
        self._known.pop(task, None)
        self._asked.pop(task, None)

    async def close(self) -> None:
        """Close every model."""
        for endpoints in self.roles.values():
            for endpoint in endpoints:
                await endpoint.model.close()

    async def _send(self, request: ChatRequest, key: str, role: str) -> tuple[ChatReply, float]:
        endpoints = self.roles[role]
        attempts = self._attempts[role]
        unreachable = 0
        for attempt in range(attempts):
            endpoint = endpoints[0]
            if endpoint.window.broken:
                endpoint = next((e for e in endpoints if not e.window.broken), endpoint)
            try:
                return await self._send_once(endpoint, request, key)
            except RetryableError as failure:
                kind = type(failure).__name__
                self.tally.failures[kind] = self.tally.failures.get(kind, 0) + 1
                unreachable += isinstance(failure, UnreachableError)
                if attempt + 1 < attempts:
                    await asyncio.sleep(self._wait_s(endpoint.limits, attempt, failure))
                    continue
                error, fix = ProviderError, None
                if unreachable == attempts:
                    error, fix = ServerDownError, "start the server or check the address; the same command resumes"
                said = f"no answer after {attempts} attempts; the last failure: {failure.what}"
                raise error(said, where=failure.where, fix=fix) from failure
        raise AssertionError("at least one attempt is made")

    async def _send_once(self, endpoint: Endpoint, request: ChatRequest, key: str) -> tuple[ChatReply, float]:
        window, price = endpoint.window, self._price(endpoint)
        await window.acquire(request.max_tokens)
        try:
            promised = most(request, price)
            await self.purse.promise(promised)
            cost = 0.0
            try:
                self.tally.sent += 1
                async with asyncio.timeout(window.timeout_s()):
                    reply = await endpoint.model.complete(request, idempotency_key=key)
                cost = 0.0 if price is None else price.of(reply.usage)
            finally:
                self.purse.settle(promised, cost)
        except TimeoutError:
            late = TimedOutError("no reply within the adaptive time limit (limits.patience)", where="endpoint")
            await self._note_failure(endpoint, late, promised)
            raise late from None
        except RetryableError as failure:
            await self._note_failure(endpoint, failure, promised)
            raise
        finally:
            window.release()
        window.succeeded(reply.latency_s)
        return reply, cost

    async def _note_failure(self, endpoint: Endpoint, failure: RetryableError, promised: float) -> None:
        endpoint.window.failed(failure)
        if promised and isinstance(failure, TimedOutError | BrokenReplyError):
            # The server may charge for an answer that never arrived whole; max_cost must hold even so.
            self.purse.doubtful += promised
            await self.journal.event("doubtful", {"cost": promised})

    def _price(self, endpoint: Endpoint) -> Price | None:
        if id(endpoint) in self._price_of:
            return self._price_of[id(endpoint)]
        model = str(endpoint.model.identity.get("model", ""))
        price = self._prices.price(model)
        if price is None:
            self.purse.unknown.add(model)
        elif isinstance(endpoint.model, Resumable):
            price = price.times(endpoint.model.discount)
        self._price_of[id(endpoint)] = price
        return price

    def _wait_s(self, limits: Limits, attempt: int, failure: RetryableError) -> float:
        if failure.retry_after_s is not None:
            return min(failure.retry_after_s, limits.longest_wait_s) * (1 + 0.1 * self._jitter.random())
        if isinstance(failure, BrokenReplyError):
            return 0.0  # the server is well, its reply was not: no reason to wait
        return min(limits.longest_wait_s, limits.first_wait_s * 2**attempt) * self._jitter.random()


def encode(reply: ChatReply) -> str:
    """Return a reply as the journal keeps it."""
    return orjson.dumps(reply).decode()


def decode(text: str) -> ChatReply:
    """Return the reply that `encode` wrote."""
    values: dict[str, Any] = orjson.loads(text)
    values["finish"] = Finish(values["finish"])
    values["usage"] = Usage(**values["usage"])
    values["tool_calls"] = tuple(values["tool_calls"])
    if values["logprobs"] is not None:
        values["logprobs"] = tuple(values["logprobs"])
    return ChatReply(**values)
