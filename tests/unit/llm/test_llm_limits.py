"""Does the window follow what a server can take, and do caps hold?"""

import asyncio
import time

import pytest

from veridical.core.errors import BudgetError
from veridical.llm.chat import ChatRequest, Message, OverloadedError, RateLimitedError, TimedOutError, Usage
from veridical.llm.cost import Price, PriceTable, Purse, most, packaged_prices
from veridical.llm.limits import Limits, Window

REFUSED = RateLimitedError("HTTP 429", retry_after_s=5.0)


def _window(**limits) -> Window:
    return Window(Limits(**limits))


def _replies(window: Window, count: int, every: int | None = None, error=REFUSED) -> None:
    for index in range(count):
        if every is not None and index % every == 0:
            window.failed(error)
        else:
            window.succeeded(0.02)


def test_good_replies_widen_the_window_to_its_bound():
    window = _window(start_window=8, largest_window=64)
    _replies(window, 500)
    assert window.size == 64


def test_a_few_refusals_neither_shrink_nor_pause():
    window = _window(start_window=64, largest_window=256)
    _replies(window, 600)
    _replies(window, 3000, every=33)
    assert window.size == 256
    assert window._pause_s() <= 0


def test_many_refusals_shrink_once_a_round_trip_and_pause_everybody():
    window = _window(start_window=100, largest_window=256)
    for _ in range(60):
        window.failed(REFUSED)
    assert 60 <= window.size < 100  # a burst of refusals is one event
    assert window._pause_s() > 4


def test_the_more_is_refused_the_further_the_window_shrinks():
    window = _window(start_window=200, largest_window=256)
    _replies(window, 200, every=1)  # every one refused
    first = window.size
    window._shrunk_at = float("-inf")  # a round trip later
    window.failed(REFUSED)
    assert first == pytest.approx(140) and 0.2 * first <= window.size < 0.3 * first


def test_many_time_outs_shrink_the_window_and_single_ones_do_not():
    window = _window(start_window=100, largest_window=100)
    _replies(window, 600, every=33, error=TimedOutError("late"))
    assert window.size == 100
    window._shrunk_at = float("-inf")
    for _ in range(30):
        window.failed(TimedOutError("late"))
    assert window.size == 50


def test_a_server_of_eight_places_is_found_out():
    """A server that refuses what exceeds eight in flight ends with a window near eight."""

    async def run() -> float:
        window, busy = _window(start_window=64, largest_window=256), 0

        async def one() -> None:
            nonlocal busy
            for _ in range(25):
                async with asyncio.timeout(20):
                    await window.acquire()
                    try:
                        if busy >= 8:
                            window.failed(RateLimitedError("HTTP 429", retry_after_s=0.01))
                            continue
                        busy += 1
                        await asyncio.sleep(0.004)
                        busy -= 1
                        window.succeeded(0.004)
                    finally:
                        window.release()

        await asyncio.gather(*(one() for _ in range(60)))
        return window.size

    assert asyncio.run(run()) < 32


def test_slowness_stops_growth():
    window = _window(start_window=16, largest_window=256)
    _replies(window, 20)
    for _ in range(200):
        window.succeeded(1.0)
    assert window.size < 256


async def test_the_window_is_never_overfull():
    window, most_seen = _window(start_window=5, largest_window=5), 0

    async def one() -> None:
        nonlocal most_seen
        await window.acquire()
        most_seen = max(most_seen, window.in_flight)
        await asyncio.sleep(0)
        window.release()

    await asyncio.gather(*(one() for _ in range(100)))
    assert most_seen == 5
    assert window.in_flight == 0


async def test_a_cancelled_waiter_loses_no_place():
    window = _window(start_window=1, largest_window=1)
    await window.acquire()
    waiters = [asyncio.create_task(window.acquire()) for _ in range(5)]
    await asyncio.sleep(0)
    window.release()
    waiters[0].cancel()
    await asyncio.wait(waiters, timeout=1, return_when=asyncio.FIRST_COMPLETED)
    for _ in range(10):
        await asyncio.sleep(0)
    held = [w for w in waiters if w.done() and not w.cancelled()]
    assert len(held) == 1
    for waiter in waiters:
        waiter.cancel()


async def test_requests_and_tokens_per_minute():
    window = _window(requests_per_minute=600.0)  # ten a second, a second's worth at once
    start = time.monotonic()
    for _ in range(13):
        await window.acquire()
        window.release()
    assert time.monotonic() - start > 0.25
    window = _window(tokens_per_minute=6000.0)
    start = time.monotonic()
    for _ in range(3):
        await window.acquire(50)
        window.release()
    assert time.monotonic() - start > 0.4


def test_the_breaker_opens_and_lets_requests_through_later():
    window = _window(break_after=5, break_for_s=0.05)
    for _ in range(5):
        window.failed(OverloadedError("HTTP 500"))
    assert window.broken
    time.sleep(0.06)
    assert not window.broken
    window.failed(OverloadedError("HTTP 500"))
    assert window.broken
    window.succeeded(0.01)
    assert window._failures == 0


def test_patience_follows_the_latency_and_yields_when_all_is_slow():
    window = _window(patience=10, least_timeout_s=0.1)
    assert window.timeout_s() is None
    _replies(window, 50)
    assert window.timeout_s() == pytest.approx(0.2, rel=0.3)
    _replies(window, 300, every=33, error=TimedOutError("late"))
    assert window.timeout_s() < 0.5  # single hangs are given up early
    for _ in range(100):
        window.failed(TimedOutError("late"))
    assert window.timeout_s() > 0.5  # a server that has become slow is waited for


def test_prices_cached_tokens_and_the_longest_pattern():
    price = Price(input=2.0, cached=0.5, output=8.0)
    assert price.of(Usage(prompt=1_000_000, cached=400_000, completion=0)) == pytest.approx(1.4)
    table = PriceTable({"gpt-*": Price(input=1), "gpt-5-mini*": Price(input=3)})
    assert table.price("gpt-5-mini-2026").input == 3
    assert table.price("llama") is None
    assert packaged_prices().extended({"llama": {"input": 1, "output": 2}}).price("llama").output == 2


def test_the_most_a_request_may_cost_is_never_less_than_its_cost():
    request = ChatRequest(messages=(Message("user", "가나다라 hello " * 100),), max_tokens=100)
    price = Price(input=1e6, output=1e6)
    assert most(request, price) >= price.of(Usage(prompt=600, completion=100))


async def test_a_purse_waits_for_what_may_turn_out_cheaper_and_then_refuses():
    purse = Purse(limit=1.0)
    await purse.promise(0.6)
    second = asyncio.create_task(purse.promise(0.6))
    await asyncio.sleep(0)
    assert not second.done()
    purse.settle(0.6, 0.1)
    await second
    purse.settle(0.6, 0.5)
    with pytest.raises(BudgetError, match="max_cost"):
        await purse.promise(0.5)
    assert purse.spent == pytest.approx(0.6)
