"""How does a person see a text run go: how many are accepted, at what yield and cost, and what they look like?"""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from veridical.llm.harvest import Harvest

_DRAW_S = 0.25
_LOG_S = 10.0
_EXAMPLE_S = 3.0
_WIDTH = 100


class LiveText(AbstractContextManager["LiveText"]):
    """A line redrawn in place on a terminal with a fresh example now and then; a line every 10 s elsewhere."""

    def __init__(self, *, records: int, stream: TextIO | None = None, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._quiet = quiet
        self._records = records
        self._began = time.monotonic()
        self._accepted_before: int | None = None
        self._drawn = self._told_example = self._began
        self._line = ""

    def __call__(self, harvest: Harvest) -> None:
        """Take note of a run's state; draws only so often."""
        if self._accepted_before is None:
            self._accepted_before = harvest.accepted
        now = time.monotonic()
        if self._quiet or now - self._drawn < (_DRAW_S if self._live else _LOG_S):
            return
        self._drawn = now
        self._line = self._words(harvest, now)
        if now - self._told_example >= _EXAMPLE_S and harvest.latest is not None:
            self._told_example = now
            self._write(f"{self._start()}  e.g. {_one_line(harvest.latest.text())}\n")
        self._write(f"{self._start()}  {self._line}{'' if self._live else chr(10)}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live and self._line:
            self._write(self._start())

    def _words(self, harvest: Harvest, now: float) -> str:
        fresh = harvest.accepted - (self._accepted_before or 0)
        rate = fresh / max(now - self._began, 1e-9)
        left = self._records - harvest.accepted
        eta = f"{left / rate:,.0f} s left" if rate > 0 else "no estimate yet"
        purse = harvest.session.purse
        cost = f"${purse.spent:,.4f}" + (f" of ${purse.limit:,.2f}" if purse.limit is not None else "")
        return (
            f"accepted {harvest.accepted:,} of {self._records:,}  yield {harvest.yield_share:.0%}  "
            f"{rate:,.1f}/s  {cost}  {eta}"
        )

    def _start(self) -> str:
        return "\r\x1b[K" if self._live else ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _one_line(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"
