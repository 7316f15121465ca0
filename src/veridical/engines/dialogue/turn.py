"""What was said, by whom, doing what, and how is it written down for training?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from veridical.engines.dialogue.desk import Used
from veridical.engines.dialogue.noise import Mess

CUSTOMER, AGENT, SUPERVISOR = "customer", "agent", "supervisor"
_NAMES = {CUSTOMER: "Customer", AGENT: "Agent", SUPERVISOR: "Supervisor"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One utterance. `clean` is the text before it was messed up, `used` the tools used before it was said,
    `reworded` whether a model says a scripted line in words of its own."""

    speaker: str
    text: str
    acts: tuple[str, ...]
    clean: str = ""
    labels: tuple[Mess, ...] = ()
    frustration: float = 0.0
    used: tuple[Used, ...] = field(default=())
    reworded: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-like data."""
        about = {"speaker": self.speaker, "text": self.text, "acts": list(self.acts), "frustration": self.frustration}
        if self.labels:
            about |= {"clean": self.clean, "labels": [asdict(label) for label in self.labels]}
        if self.reworded:
            about["reworded"] = True
        if self.used:
            about["tools"] = [
                {"name": used.tool, "arguments": dict(used.arguments), "result": dict(used.result),
                 **({"broken": list(used.broken)} if used.broken else {})}
                for used in self.used
            ]  # fmt: skip
        return about


def as_text(turns: Sequence[Turn]) -> str:
    """Return a dialogue to be read, a line a turn."""
    return "\n".join(f"{_NAMES[turn.speaker]}: {turn.text}" for turn in turns)


def as_messages(turns: Sequence[Turn], system: str) -> list[dict[str, Any]]:
    """Return a dialogue as OpenAI's API would have logged it: tool calls with ids, results as tool messages."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}]
    count = 0
    for turn in turns:
        if turn.speaker == CUSTOMER:
            messages.append({"role": "user", "content": turn.text})
            continue
        for used in turn.used:
            count += 1
            name = f"call_{count}"
            messages.append(_asking(name, used.tool, used.arguments))
            content = json.dumps(dict(used.result), ensure_ascii=False)
            messages.append({"role": "tool", "tool_call_id": name, "content": content})
        if turn.text:
            messages.append({"role": "assistant", "content": turn.text})
    return messages


def _asking(name: str, tool: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    given = json.dumps(dict(arguments), ensure_ascii=False)
    call = {"id": name, "type": "function", "function": {"name": tool, "arguments": given}}
    return {"role": "assistant", "content": "", "tool_calls": [call]}
