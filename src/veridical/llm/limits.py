"""How many requests may be in flight, and how long to wait when a server says no?

Adaptive concurrency by additive increase and multiplicative decrease (Chiu & Jain 1989): a 429 or a rise of the
latency far above its floor shrinks the window once per round trip, a window's worth of good replies widens it by a
step. A circuit breaker stops asking an endpoint that only fails, and lets one request probe it later.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from veridical.llm.chat import RateLimitedError, RetryableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one endpoint may be asked for.

    Windows count requests in flight; `requests_per_minute` and `tokens_per_minute` are hard caps (None: no cap).
    """

    start_window: int = 32
    largest_window: int = 256
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    attempts: int = 8
    first_wait_s: float = 0.25
    longest_wait_s: float = 30.0
    break_after: int = 40  # failures in a row
    break_for_s: float = 10.0


@dataclass
class Window:
    """The adaptive window of one endpoint; `async with window.slot(tokens):` holds a place in it."""

    limits: Limits
    size: float = field(init=False)
    in_flight: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.size = float(min(self.limits.start_window, self.limits.largest_window))
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._shrunk_at = 0.0
        self._paused_until = 0.0
        self._failures = 0
        self._latency_floor_s = float("inf")
        self._latency_s = 0.0
        self._requests = _Bucket(self.limits.requests_per_minute)
        self._tokens = _Bucket(self.limits.tokens_per_minute)

    async def acquire(self, tokens: int = 0) -> None:
        """Wait for a place in the window, for pauses to end and for both caps."""
        while self.in_flight >= int(self.size):
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            await place
        self.in_flight += 1
        try:
            for wait_s in (self._pause_s(), self._requests.take(1), self._tokens.take(tokens)):
                if wait_s > 0:
                    await asyncio.sleep(wait_s)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the place back."""
        self.in_flight -= 1
        self._wake()

    def succeeded(self, latency_s: float) -> None:
        """Widen the window by a step a round trip, unless replies have become slow."""
        self._failures = 0
        self._latency_floor_s = min(self._latency_floor_s * 1.001, latency_s)
        self._latency_s = latency_s if not self._latency_s else 0.95 * self._latency_s + 0.05 * latency_s
        crowded = self._latency_s > 4.0 * self._latency_floor_s and self.size > self.limits.start_window
        if not crowded and self.size < self.limits.largest_window:
            # Slow start below the first window's double, then one step of eight per window of replies.
            self.size = min(self.size + max(1.0, 8.0 / self.size), float(self.limits.largest_window))
        self._wake()

    def failed(self, error: RetryableError) -> None:
        """Shrink on refusals; pause when asked to, or when nothing but failures came back."""
        now = time.monotonic()
        if error.retry_after_s is not None and isinstance(error, RateLimitedError):
            self._paused_until = max(self._paused_until, now + min(error.retry_after_s, self.limits.longest_wait_s))
        if isinstance(error, RateLimitedError) and now - self._shrunk_at > max(self._latency_s, 0.05):
            self.size = max(1.0, self.size * 0.7)
            self._shrunk_at = now
        self._failures += 1
        if self._failures >= self.limits.break_after:
            self._paused_until = max(self._paused_until, now + self.limits.break_for_s)
            self._failures = self.limits.break_after - 1  # the next failure opens the breaker again

    @property
    def broken(self) -> bool:
        """Whether the breaker is open now."""
        return self._failures >= self.limits.break_after - 1 and self._pause_s() > 0

    def _pause_s(self) -> float:
        return self._paused_until - time.monotonic()

    def _wake(self) -> None:
        free = int(self.size) - self.in_flight
        while free > 0 and self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(None)
                free -= 1


class _Bucket:
    """A token bucket that holds one second's worth; `take` returns how long to wait, and always takes."""

    def __init__(self, per_minute: float | None) -> None:
        self._rate = None if per_minute is None else per_minute / 60.0
        self._level = self._rate or 0.0
        self._at = time.monotonic()

    def take(self, amount: float) -> float:
        if self._rate is None:
            return 0.0
        now = time.monotonic()
        self._level = min(self._level + (now - self._at) * self._rate, max(self._rate, amount))
        self._at = now
        self._level -= amount
        return max(0.0, -self._level / self._rate)
