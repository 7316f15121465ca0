"""How is a question asked exactly once: journalled, limited, retried, and paid for?"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from veridical.core import digest
from veridical.core.errors import ProviderError
from veridical.llm.chat import BrokenReplyError, ChatModel, ChatReply, ChatRequest, Finish, RetryableError, Usage, total
from veridical.llm.cost import PriceTable, Purse, most, packaged_prices
from veridical.llm.limits import Limits, Window
from veridical.store.journal import Journal


@dataclass
class Endpoint:
    """A model and its window; a role may have several, asked in order of preference when one is broken."""

    model: ChatModel
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.window = Window(self.limits)


@dataclass
class Tally:
    """What a session did: requests sent, replies paid, replies from the journal, and failures by kind."""

    sent: int = 0
    paid: int = 0
    replayed: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)


class Session:
    """Asks models on behalf of tasks.

    `roles` maps a role ("teacher", "judge", "embedder") to its endpoints. A reply is returned only after it is on
    disk, so a crash can lose nothing that was paid except what was in flight.
    """

    def __init__(
        self,
        journal: Journal,
        roles: Mapping[str, Sequence[Endpoint]],
        *,
        purse: Purse | None = None,
        prices: PriceTable | None = None,
        seed: int = 0,
    ) -> None:
        self.journal = journal
        self.roles = roles
        self.purse = purse if purse is not None else Purse()
        self.tally = Tally()
        self._prices = prices if prices is not None else packaged_prices()
        # Waiting times are jittered; they decide nothing about the data.
        self._jitter = random.Random(seed)
        self._known = {key: (reply, cost) for key, reply, cost in journal.replies()}
        self._identity = {role: digest.of_json([e.model.identity for e in ends]) for role, ends in roles.items()}
        self.purse.spent = journal.paid()[1]

    async def ask(
        self, request: ChatRequest, *, task: int, step: str, role: str = "teacher"
    ) -> tuple[ChatReply, float]:
        """Return the reply to a task's question and its cost, from the journal where it was already paid.

        `step` tells a task's questions apart ("draft", "answer.2"): the same question of the same step is asked once.

        Raises:
            BudgetError: max_cost might be passed. ProviderError: every endpoint gave up, or refused the request.
        """
        key = digest.of_bytes(f"{self._identity[role]} {task} {step} {request.key}".encode())
        if (known := self._known.pop(key, None)) is not None:
            self.tally.replayed += 1
            return decode(known[0]), known[1]
        reply, cost = await self._send(request, key, role)
        await self.journal.reply(key, task, encode(reply), cost)
        self.tally.paid += 1
        self.tally.usage = total([self.tally.usage, reply.usage])
        return reply, cost

    async def close(self) -> None:
        """Close every model."""
        for endpoints in self.roles.values():
            for endpoint in endpoints:
                await endpoint.model.close()

    async def _send(self, request: ChatRequest, key: str, role: str) -> tuple[ChatReply, float]:
        endpoints = self.roles[role]
        last: RetryableError | None = None
        attempts = max(endpoint.limits.attempts for endpoint in endpoints)
        for attempt in range(attempts):
            endpoint = next((e for e in endpoints if not e.window.broken), endpoints[0])
            try:
                return await self._send_once(endpoint, request, key)
            except RetryableError as failure:
                last = failure
                kind = type(failure).__name__
                self.tally.failures[kind] = self.tally.failures.get(kind, 0) + 1
                if attempt + 1 < attempts:
                    await asyncio.sleep(self._wait_s(endpoint.limits, attempt, failure))
        assert last is not None
        raise ProviderError(
            f"no answer after {attempts} attempts; the last failure: {last.what}", where=last.where
        ) from last

    async def _send_once(self, endpoint: Endpoint, request: ChatRequest, key: str) -> tuple[ChatReply, float]:
        price = self._prices.price(str(endpoint.model.identity.get("model", "")))
        if price is None:
            self.purse.unknown.add(str(endpoint.model.identity.get("model", "")))
        await endpoint.window.acquire(request.max_tokens)
        promised = most(request, price)
        cost = 0.0
        try:
            self.purse.promise(promised)
        except BaseException:
            endpoint.window.release()
            raise
        try:
            self.tally.sent += 1
            reply = await endpoint.model.complete(request, idempotency_key=key)
            cost = 0.0 if price is None else price.of(reply.usage)
        except RetryableError as failure:
            endpoint.window.failed(failure)
            raise
        finally:
            self.purse.settle(promised, cost)
            endpoint.window.release()
        endpoint.window.succeeded(reply.latency_s)
        return reply, cost

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
