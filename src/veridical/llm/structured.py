"""How does a model's reply become a record of a given shape?

Native where the server takes a JSON schema, by grammar in the embedded model, else the schema is put into the prompt
(see `providers`). Whatever comes back is parsed, repaired where that is safe, checked against the schema, and asked
again with what is wrong, a bounded number of times. Refusals and truncations are told apart from bad JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from veridical.llm.candidate import Ask, Rejection
from veridical.llm.chat import ChatReply, ChatRequest, Finish
from veridical.llm.json_schema import misfit

if TYPE_CHECKING:
    from pydantic import BaseModel

REFUSED = Rejection("refusal", "the model declined to answer")
TRUNCATED = Rejection("truncated", "the reply was cut at max_tokens")
_FENCE = re.compile(r"```(?:json)?\s*(.*?)```", re.DOTALL)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Structured:
    """A reply and the value it holds, or why it holds none; exactly one of `value` and `rejection` is set."""

    reply: ChatReply
    value: dict[str, Any] | None = None
    rejection: Rejection | None = None
    asked: int = 1


async def ask_record(
    ask: Ask,
    request: ChatRequest,
    *,
    step: str,
    role: str = "teacher",
    tries: int = 3,
    shape: type[BaseModel] | None = None,
) -> Structured:
    """Return the JSON object that a reply holds, checked against `request.schema` or a pydantic model.

    A reply that does not fit is answered with what is wrong with it, up to `tries` questions in all.

    Raises:
        VeridicalError: as the asking does.
    """
    if shape is not None:
        request = replace(request, schema=shape.model_json_schema(), schema_name=shape.__name__)
    schema = request.schema or {"type": "object"}
    asking = request
    problem = ""
    for attempt in range(1, max(1, tries) + 1):
        reply = await ask(asking, step=step if attempt == 1 else f"{step}.again{attempt - 1}", role=role)
        if (why := unusable(reply)) is not None:
            return Structured(reply=reply, rejection=why, asked=attempt)
        value = parse(reply.text)
        problem = "it is not one JSON object" if value is None else _problem(value, schema, shape)
        if not problem:
            return Structured(reply=reply, value=value, asked=attempt)
        if request.prompt is not None:
            break  # a raw prompt has no turns to go on from
        again = f"That does not fit: {problem}. Answer again with the JSON object only."
        asking = request.and_then(reply.text, again)
    return Structured(reply=reply, rejection=Rejection("schema", problem), asked=attempt)


def unusable(reply: ChatReply) -> Rejection | None:
    """Return why a reply is no answer at all: a refusal or a truncation."""
    if reply.finish is Finish.REFUSAL:
        return REFUSED
    if reply.finish is Finish.LENGTH:
        return TRUNCATED
    return None


def parse(text: str) -> dict[str, Any] | None:
    """Return the JSON object in a reply: alone, in a fence, among words, or with trailing commas; else None.

    Example:
        >>> parse('Sure! ```json' + chr(10) + '{"a": 1,}' + chr(10) + '```')
        {'a': 1}
        >>> parse("no") is None
        True
    """
    for cut in (str, _fenced, _braced):
        found = cut(text)
        for mend in (str, _without_trailing_commas):
            try:
                value = orjson.loads(mend(found))
            except orjson.JSONDecodeError:
                continue
            if isinstance(value, dict):
                return value
    return None


def _fenced(text: str) -> str:
    fence = _FENCE.search(text)
    return fence[1] if fence else ""


def _without_trailing_commas(text: str) -> str:
    return _TRAILING_COMMA.sub(r"\1", text)


def _braced(text: str) -> str:
    """Return the text from the first opening brace to the one that closes it."""
    start = text.find("{")
    depth, quoted, escaped = 0, False, False
    for index in range(max(start, 0), len(text) if start >= 0 else 0):
        sign = text[index]
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = sign == "\\", sign != '"'
        elif sign == '"':
            quoted = True
        else:
            depth += (sign == "{") - (sign == "}")
            if depth == 0:
                return text[start : index + 1]
    return ""


def _problem(value: Mapping[str, Any], schema: Mapping[str, Any], shape: type[BaseModel] | None) -> str:
    """Return what the schema or a pydantic model's own validators say, without the value; "" when it fits."""
    if (found := misfit(value, schema)) is not None or shape is None:
        return found or ""
    from pydantic import ValidationError

    try:
        shape.model_validate(value)
    except ValidationError as wrong:
        error = wrong.errors(include_input=False)[0]
        return f"{'.'.join(map(str, error['loc'])) or 'the object'}: {error['msg']}"
    return ""
