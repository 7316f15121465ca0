"""How does a language model make a text at random, and vary one?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from veridical.curate.sentence import embed
from veridical.curate.word import one_line
from veridical.engines.evolution.voting import Floats
from veridical.llm.session import Session
from veridical.llm.trail import Sampling, Trail

_RANDOM = (
    "Write one {task}{label}. Make it specific and unlike what anybody would write first. Write only the text, in "
    "{language}."
)
_VARY = """Write one more {task}{label}, like this one but not the same: keep the subject, change words and details.

{text}

Write only the text, in {language}."""
_ROUND = 1_000_000


@dataclass
class TextMaker:
    """Texts of a model, journalled: what was paid is never asked again. `examples` are public, for base models.

    `style` "completion" goes on with a list of texts, of examples or of the text to be varied.
    """

    session: Session
    task: str
    language: str = "English"
    style: Literal["chat", "completion"] = "chat"
    examples: tuple[str, ...] = ()
    sampling: Sampling = field(default_factory=lambda: Sampling(temperature=1.0, max_tokens=96))
    seed: int = 0
    in_flight: int = 16

    async def random(self, count: int, label: str) -> Sequence[str]:
        """Return new texts."""
        return await self._all([self._random(at, label) for at in range(count)])

    async def vary(self, items: Sequence[str], label: str, turn: int) -> Sequence[str]:
        """Return a variation of each text; one that fails stays as it was."""
        return await self._all([self._vary(at, text, label, turn) for at, text in enumerate(items)])

    def points(self, items: Sequence[str]) -> Floats:
        """Return the texts' unit vectors."""
        made: Floats = embed(list(items))
        return made

    async def _random(self, at: int, label: str) -> str:
        about = f" about {label}" if label else ""
        if self.style == "chat":
            prompt = _RANDOM.format(task=self.task, label=about, language=self.language)
        else:
            first = at % max(1, len(self.examples))
            prompt = self._list(about, [*self.examples[first:], *self.examples[:first]])
        return await self._ask(0, at, label, prompt) or self.task

    async def _vary(self, at: int, text: str, label: str, turn: int) -> str:
        about = f" about {label}" if label else ""
        if self.style == "chat":
            prompt = _VARY.format(task=self.task, label=about, text=text, language=self.language)
        else:
            prompt = self._list(about, [*self.examples[:2], text])
        return await self._ask(turn + 1, at, label, prompt) or text

    def _list(self, about: str, texts: Sequence[str]) -> str:
        lines = "".join(f"- {one_line(text)}\n" for text in texts)
        return f"{self.task[:1].upper()}{self.task[1:]}{about}, one a line:\n{lines}-"

    async def _ask(self, turn: int, at: int, label: str, prompt: str) -> str:
        number = turn * _ROUND + at

        async def ask(request: Any, *, step: str = "", role: str = "teacher") -> Any:
            reply, _ = await self.session.ask(request, task=number, step=f"{label}.{step}", role=role)
            return reply

        trail = Trail(ask, self.seed + number)
        if self.style == "chat":
            reply = await trail.say("make", prompt, self.sampling)
        else:
            reply = await trail.go_on("make", prompt, self.sampling, stop=("\n",))
        return one_line(reply.text).strip('"“”- ')

    async def _all(self, asked: Sequence[Any]) -> list[str]:
        gate = asyncio.Semaphore(self.in_flight)

        async def one(question: Any) -> str:
            async with gate:
                return str(await question)

        return list(await asyncio.gather(*(one(question) for question in asked)))
