"""How does a person see that a long step is alive, on a terminal and in a log file?"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TextIO

_BAR = 24
_TICK_S = 0.5
_LOG_EVERY_S = 10.0


class TerminalProgress(AbstractContextManager["TerminalProgress"]):
    """A line for each step: redrawn in place on a terminal, written at its end (and every 10 s) elsewhere."""

    def __init__(self, stream: TextIO | None = None, *, quiet: bool = False) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._live = self._stream.isatty()
        self._quiet = quiet
        self._lock = threading.Lock()
        self._step, self._done, self._total = "", 0, 0
        self._began = self._shown = 0.0
        self._stop = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> TerminalProgress:
        if not self._quiet:
            self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        with self._lock:
            self._finish(ended_well=error is None)

    def __call__(self, step: str, *, done: int, total: int) -> None:
        """Take note of how far a step is."""
        if self._quiet:
            return
        stage = step.split(" ")[0]
        with self._lock:
            if stage != self._step.split(" ")[0]:
                self._finish(ended_well=True)
                self._began = self._shown = time.monotonic()
            self._step, self._done, self._total = step, done, total
            if self._live:
                self._draw()
            if done >= total and step == stage:  # "model prepare" is a part of the step "model"
                self._finish(ended_well=True)

    def _tick(self) -> None:
        while not self._stop.wait(_TICK_S):
            with self._lock:
                if not self._step:
                    continue
                if self._live:
                    self._draw()
                elif time.monotonic() - self._shown >= _LOG_EVERY_S:
                    self._shown = time.monotonic()
                    self._write(f"  {self._line()}\n")

    def _draw(self) -> None:
        self._write(f"\r\x1b[K  {self._line()}")

    def _line(self) -> str:
        elapsed = f"{time.monotonic() - self._began:.0f} s"
        stage, _, what = self._step.partition(" ")
        if self._total <= 1:
            return f"{stage:<11} {what or '...'}  {elapsed}"
        filled = min(_BAR, _BAR * self._done // self._total)
        bar = "#" * filled + "." * (_BAR - filled)
        return f"{stage:<11} [{bar}] {self._done:,} of {self._total:,}  {what}  {elapsed}"

    def _finish(self, *, ended_well: bool) -> None:
        if not self._step:
            return
        stage, elapsed = self._step.split(" ")[0], time.monotonic() - self._began
        count = f"{self._done:,}" if self._total > 1 else ""
        word = "done" if ended_well else "stopped"
        self._write(
            f"{chr(13) + chr(27) + '[K' if self._live else ''}  {stage:<11} {word} {count:>12}  {elapsed:.1f} s\n"
        )
        self._step = ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
