"""How does a dialogue with tools become a sample for training an agent, in OpenAI's form or in Hermes'?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from veridical.core.errors import DataError

_NAMES = {"user": "human", "assistant": "gpt", "system": "system", "tool": "tool"}
_TOOLS = """{system}

You are a function calling AI model. You are provided with function signatures within <tools></tools> tags:
<tools>
{tools}
</tools>
For each call return a JSON object with the function's name and arguments within <tool_call></tool_call> tags."""


def tool_messages(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return {messages, tools} in OpenAI's form: `tool_calls` with ids and JSON text as arguments, `tool` messages.

    Raises:
        DataError: the record is no dialogue with tools, or an answer belongs to no call.

    Example:
        >>> tool_messages({"messages": [{"role": "user", "content": "Hi"}], "tools": []})
        {'messages': [{'role': 'user', 'content': 'Hi'}], 'tools': []}
    """
    messages, tools = _dialogue(fields)
    asked: set[str] = set()
    for message in messages:
        asked |= {str(call["id"]) for call in message.get("tool_calls", ())}
        if message["role"] == "tool" and message.get("tool_call_id") not in asked:
            raise DataError("a tool's answer belongs to no call", where="export")
    return {"messages": [dict(message) for message in messages], "tools": [dict(tool) for tool in tools]}


def hermes(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return {conversations} as Hermes models are trained: <tools> in the system, <tool_call> and <tool_response>.

    Raises:
        DataError: the record is no dialogue with tools.
    """
    messages, tools = _dialogue(fields)
    listed = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    turns: list[dict[str, str]] = []
    for message in messages:
        role, content = str(message["role"]), str(message.get("content") or "")
        if role == "system":
            content = _TOOLS.format(system=content, tools=listed)
        elif role == "tool":
            content = f"<tool_response>\n{content}\n</tool_response>"
        elif message.get("tool_calls"):
            content = "\n".join([content, *map(_call, message["tool_calls"])]).strip()
        turns.append({"from": _NAMES.get(role, role), "value": content})
    return {"conversations": turns}


def _call(call: Mapping[str, Any]) -> str:
    function = call["function"]
    body = {"name": function["name"], "arguments": json.loads(function["arguments"])}
    return f"<tool_call>\n{json.dumps(body, ensure_ascii=False)}\n</tool_call>"


def _dialogue(fields: Mapping[str, Any]) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]:
    messages, tools = fields.get("messages"), fields.get("tools")
    if not isinstance(messages, list) or not isinstance(tools, list):
        raise DataError("a record is no dialogue with tools", where="export", fix="use the recipe `dialogue`")
    return messages, tools
