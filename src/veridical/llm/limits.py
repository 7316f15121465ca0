"""How many requests may be in flight, and how long to wait when a server says no?

Adaptive concurrency by additive increase and multiplicative decrease (Chiu & Jain 1989): where more than a tenth of a
window's worth of replies are refusals (429), the window shrinks once per round trip and Retry-After holds for all;
fewer are noise, and only the request that was refused waits. Good replies widen the window step by step. A circuit
breaker stops asking an endpoint that only fails, and lets requests probe it later.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field

from veridical.llm.chat import RateLimitedError, RetryableError, TimedOutError

_NOISE = 0.1  # a share of refusals up to this says nothing about how wide the window may be
_LEAST_SEEN = 20.0  # replies that the share is taken over, at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one endpoint may be asked for.

    Windows count requests in flight; `requests_per_minute` and `tokens_per_minute` are hard caps (None: no cap).
    `patience` gives up on a reply after that many times the usual latency (mean and four deviations), never before
    `least_timeout_s` (None: only the provider's own time-out holds; a server may charge for what nobody waited for).
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
    patience: float | None = 20.0
    least_timeout_s: float = 30.0

    def __post_init__(self) -> None:
        # A person who widens or narrows one bound need not name the other.
        object.__setattr__(self, "start_window", min(self.start_window, self.largest_window))


@dataclass
class Window:
    """The adaptive window of one endpoint; `async with window.slot(tokens):` holds a place in it."""

    limits: Limits
    size: float = field(init=False)
    in_flight: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.size = float(self.limits.start_window)
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._doubles_below = float(self.limits.largest_window)
        self._shrunk_at = 0.0
        self._paused_until = 0.0
        self._failures = 0
        self._refused_share = 0.0  # of about the last window's worth of replies
        self._latency_floor_s = float("inf")
        self._latency_s = 0.0
        self._hung_share = 0.0
        self._deviation_s = 0.0
        self._stretch = 1.0  # of patience, while a server is slow as a whole
        self._requests = _Bucket(self.limits.requests_per_minute)
        self._tokens = _Bucket(self.limits.tokens_per_minute)

    async def acquire(self, tokens: int = 0) -> None:
        """Wait for a place in the window, for pauses to end and for both caps."""
        while self.in_flight >= int(self.size):
            place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(place)
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():
                    self._wake()  # the place was ours: hand it on
                raise
        self.in_flight += 1
        try:
            while (pause_s := self._pause_s()) > 0:
                await asyncio.sleep(pause_s)
            wait_s = max(self._requests.take(1), self._tokens.take(tokens))
            if wait_s > 0:
                await asyncio.sleep(wait_s)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Give the place back."""
        self.in_flight -= 1
        self._wake()

    def timeout_s(self) -> float | None:
        """How long one reply may take as things are, or None for no limit of ours."""
        if self.limits.patience is None or not self._latency_s:
            return None
        # Mean and four deviations, as TCP waits for its segments (Jacobson 1988).
        usual_s = self._latency_s + 4.0 * self._deviation_s
        return max(self.limits.least_timeout_s, self.limits.patience * self._stretch * usual_s)

    def succeeded(self, latency_s: float) -> None:
        """Widen the window by a step a round trip, unless replies have become slow."""
        self._failures = 0
        self._note(refused=False, hung=False)
        self._latency_floor_s = min(self._latency_floor_s * 1.001, latency_s)
        if not self._latency_s:
            self._latency_s, self._deviation_s = latency_s, latency_s / 2
        self._deviation_s += 0.05 * (abs(latency_s - self._latency_s) - self._deviation_s)
        self._latency_s += 0.05 * (latency_s - self._latency_s)
        self._stretch = max(1.0, self._stretch * 0.99)
        crowded = self._latency_s > 4.0 * self._latency_floor_s and self.size > self.limits.start_window
        if not crowded and self.size < self.limits.largest_window and self._refused_share < _NOISE:
            # Doubling a round trip up to where it last shrank, from there a step of four a round trip.
            step = 1.0 if self.size < self._doubles_below else 4.0 / self.size
            self.size = min(self.size + step, float(self.limits.largest_window))
            self._wake()

    def failed(self, error: RetryableError) -> None:
        """Shrink when refusals are more than noise; pause when asked to, or when nothing but failures came back."""
        now = time.monotonic()
        hung = isinstance(error, TimedOutError)
        self._note(refused=isinstance(error, RateLimitedError), hung=hung)
        if isinstance(error, RateLimitedError) and self._refused_share > _NOISE:
            self._back_off(now, error.retry_after_s)
            self._shrink(now, 1.0 - self._refused_share)
        if hung and self._hung_share > _NOISE:
            # Not single requests hang, the server has become slow: giving up early would only ask it twice, and what
            # it is asked at once waits in its queue.
            self._stretch *= 2
            self._hung_share = 0.0
            self._shrink(now, 0.5)
        self._failures += 1
        if self._failures >= self.limits.break_after:
            self._paused_until = max(self._paused_until, now + self.limits.break_for_s)
            self._failures = self.limits.break_after - 1  # the next failure opens the breaker again

    def _note(self, *, refused: bool, hung: bool) -> None:
        weight = 1.0 / max(_LEAST_SEEN, self.size)
        self._refused_share += weight * (refused - self._refused_share)
        self._hung_share += weight * (hung - self._hung_share)

    def _back_off(self, now: float, retry_after_s: float | None) -> None:
        if retry_after_s is not None:
            self._paused_until = max(self._paused_until, now + min(retry_after_s, self.limits.longest_wait_s))

    def _shrink(self, now: float, share: float) -> None:
        """Narrow the window to a share of it, from a fifth to 0.7, once a round trip: a burst is one event."""
        if now - self._shrunk_at > max(self._latency_s, 0.05):
            self.size = max(1.0, self.size * min(0.7, max(0.2, share)))
            self._doubles_below = self.size
            self._shrunk_at = now

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
