"""How does a run answer itself from a transcript, so that it needs no model and gives the same every time?"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from veridical.core import digest
from veridical.core.errors import SpecError
from veridical.llm.chat import ChatReply, ChatRequest, Finish, Usage

Answer = str | ChatReply | Exception
Script = Callable[[ChatRequest, int], Answer]


@dataclass(frozen=True, kw_only=True)
class Scripted:
    """Answers from a function of the request and how often it was asked before (0, 1 ...).

    Example:
        >>> import asyncio
        >>> from veridical.llm.chat import Message
        >>> model = Scripted(script=lambda request, again: request.messages[-1].content.upper())
        >>> asyncio.run(model.complete(ChatRequest(messages=(Message("user", "hi"),)))).text
        'HI'
    """

    script: Script
    name: str = "scripted"
    latency_s: float = 0.0
    _asked: dict[str, int] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def identity(self) -> Mapping[str, Any]:
        """What the journal and the manifest say of this model."""
        return {"provider": "scripted", "model": self.name}

    async def complete(self, request: ChatRequest, *, idempotency_key: str | None = None) -> ChatReply:  # noqa: ARG002
        """Return the scripted answer; an exception in the script's place is raised."""
        key = request.key
        again = self._asked.get(key, 0)
        self._asked[key] = again + 1
        if self.latency_s:
            await asyncio.sleep(self.latency_s)
        answer = self.script(request, again)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, ChatReply):
            return answer
        asked = request.prompt or " ".join(message.content for message in request.messages)
        usage = Usage(prompt=len(asked.split()), completion=len(answer.split()))
        return ChatReply(text=answer, finish=Finish.STOP, usage=usage, model=self.name, endpoint="script")

    async def close(self) -> None:
        """Nothing to close."""


def from_transcript(path: Path) -> Scripted:
    """Return a model that answers from a JSONL transcript.

    Each line is {"match": regular expression over the last message or prompt, "reply": text or list of texts,
    "finish": "stop"}; the first line that matches answers, a list in turn and then again from its start.

    Raises:
        SpecError: a line is no such object, or no line matches a request.
    """
    rules: list[tuple[re.Pattern[str], Sequence[str], Finish]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rule = json.loads(line)
            replies = [rule["reply"]] if isinstance(rule["reply"], str) else list(rule["reply"])
            rules.append((re.compile(rule["match"], re.DOTALL), replies, Finish(rule.get("finish", "stop"))))
        except (ValueError, KeyError, TypeError, re.error):
            raise SpecError("this is no transcript line", where=f"{path.name}:{number}", fix="see the docs") from None
    turns: dict[int, int] = {}

    def script(request: ChatRequest, again: int) -> Answer:  # noqa: ARG001
        asked = request.prompt if request.prompt is not None else request.messages[-1].content
        for index, (pattern, replies, finish) in enumerate(rules):
            if pattern.search(asked):
                turn = turns.get(index, 0)
                turns[index] = turn + 1
                text = replies[turn % len(replies)]
                usage = Usage(prompt=len(asked.split()), completion=len(text.split()))
                return ChatReply(text=text, finish=finish, usage=usage, model=path.name, endpoint="script")
        raise SpecError("no line of the transcript matches a request", where=path.name, fix="add a line for it")

    return Scripted(script=script, name=f"{path.name}:{digest.of_file(path)[:12]}")
