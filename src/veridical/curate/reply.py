"""How does what a model said become a candidate, so that cut, refused and unreadable replies do not vanish?"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from veridical.llm.candidate import Candidate
from veridical.llm.chat import ChatReply, Finish

UNREADABLE = "unreadable"  # the field that holds a reply no record could be read from
WHY = "why"
_FENCE = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)


def unreadable(reply: ChatReply, why: str = "", attributes: Mapping[str, str] | None = None) -> Candidate:
    """Return the candidate of a reply that holds no record; the format check turns it away and says why."""
    reasons = {Finish.LENGTH: "cut at max_tokens", Finish.REFUSAL: "the server says the model declined"}
    reason = reasons.get(reply.finish, why or "no record could be read from the reply")
    return Candidate(fields={UNREADABLE: reply.text, WHY: reason}, attributes=attributes or {})


def read_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object in a text: alone, fenced, or the first between braces; None where there is none.

    Example:
        >>> read_object('Sure! {"text": "hi"} Anything else?')
        {'text': 'hi'}
    """
    for piece in (text, *_FENCE.findall(text), text[text.find("{") : text.rfind("}") + 1]):
        try:
            value = json.loads(piece, strict=False)
        except ValueError:
            continue
        if isinstance(value, dict):
            return value
    return None


def object_schema(fields: Sequence[str]) -> dict[str, Any]:
    """Return the JSON schema of an object whose named fields are all text.

    Example:
        >>> object_schema(["text"])["required"]
        ['text']
    """
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in fields},
        "required": list(fields),
        "additionalProperties": False,
    }
