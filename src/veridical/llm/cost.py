"""What does a reply cost, and may another one still be paid?"""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from veridical.core.errors import BudgetError, SpecError
from veridical.llm.chat import ChatRequest, Usage
from veridical.spec.marks import load

MILLION = 1_000_000
_ROUNDING = 1e-12
BATCH_DISCOUNT = 0.5  # both vendors' batch interfaces charge half


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens: read, read from the server's cache, and written."""

    input: float = 0.0
    cached: float | None = None
    output: float = 0.0

    def of(self, usage: Usage) -> float:
        """Return the dollars one reply costs.

        Example:
            >>> Price(input=2.0, output=8.0).of(Usage(prompt=1_000_000, completion=500_000))
            6.0
        """
        cached = self.input if self.cached is None else self.cached
        fresh = max(0, usage.prompt - usage.cached)
        return (fresh * self.input + usage.cached * cached + usage.completion * self.output) / MILLION

    def times(self, share: float) -> Price:
        """Return the price at a share of it."""
        cached = None if self.cached is None else self.cached * share
        return Price(input=self.input * share, cached=cached, output=self.output * share)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by model name; names may hold wildcards, the longest pattern that matches wins."""

    prices: Mapping[str, Price]

    def price(self, model: str) -> Price | None:
        """Return a model's price, or None where the table does not know it.

        Example:
            >>> PriceTable({"gpt-*": Price(input=1.0)}).price("gpt-x").input
            1.0
        """
        fits = [pattern for pattern in self.prices if fnmatch.fnmatchcase(model, pattern)]
        return self.prices[max(fits, key=len)] if fits else None

    def extended(self, prices: Mapping[str, Mapping[str, Any]]) -> PriceTable:
        """Return this table with a user's own prices on top.

        Raises:
            SpecError: a price is not {input: ..., output: ..., cached: ...} in dollars per million tokens.
        """
        return PriceTable({**self.prices, **_read(prices, "prices")})


@cache
def packaged_prices() -> PriceTable:
    """Return the prices that ship with veridical; list prices age, so a spec may override them."""
    text = resources.files("veridical.llm").joinpath("prices.yaml").read_text(encoding="utf-8")
    return PriceTable(_read(load(text).value["models"], "prices.yaml"))


@dataclass
class Purse:
    """What was spent, what is promised to requests in flight, and the limit no run may pass.

    `doubtful` is the most that replies which never arrived whole may have cost; it counts against the limit.
    """

    limit: float | None = None
    spent: float = 0.0
    doubtful: float = 0.0
    promised: float = 0.0
    unknown: set[str] = field(default_factory=set)  # models without a price: their cost counts as nothing
    _waiting: list[asyncio.Future[None]] = field(default_factory=list, init=False, repr=False)

    async def promise(self, amount: float) -> None:
        """Set aside the most that a request may cost; waits while requests in flight may still turn out cheaper.

        Raises:
            BudgetError: the limit might be passed whatever those in flight cost.
        """
        while self.limit is not None and self._known + self.promised + amount > self.limit + _ROUNDING:
            if self._known + amount > self.limit + _ROUNDING or self.promised <= _ROUNDING:
                lost = f" (and up to ${self.doubtful:.4f} for lost replies)" if self.doubtful else ""
                raise BudgetError(
                    f"the next request might pass max_cost: ${self.spent:.4f} spent{lost} of ${self.limit:.4f}",
                    where="max_cost",
                    fix="raise max_cost and run the same command again: it resumes",
                )
            settled = asyncio.get_running_loop().create_future()
            self._waiting.append(settled)
            await settled
        self.promised += amount

    def settle(self, promised: float, cost: float) -> None:
        """Turn a promise into what was really paid (0 for a request that failed)."""
        self.promised -= promised
        self.spent += cost
        waiting, self._waiting = self._waiting, []
        for settled in waiting:
            if not settled.done():
                settled.set_result(None)

    @property
    def _known(self) -> float:
        return self.spent + self.doubtful


def most(request: ChatRequest, price: Price | None) -> float:
    """Return the most a request may cost: its prompt counted at three bytes a token, and all of max_tokens."""
    if price is None:
        return 0.0
    text = request.prompt or "".join(message.content for message in request.messages)
    return price.of(Usage(prompt=len(text.encode()) // 3 + 50, completion=request.max_tokens))


def _read(prices: Mapping[str, Mapping[str, Any]], where: str) -> dict[str, Price]:
    try:
        return {
            name: Price(
                input=float(entry["input"]),
                output=float(entry["output"]),
                cached=None if entry.get("cached") is None else float(entry["cached"]),
            )
            for name, entry in prices.items()
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SpecError(
            "a price is {input: dollars, output: dollars, cached: dollars} per million tokens", where=where
        ) from None
