"""How does a record become a sample for supervised fine-tuning: messages, Alpaca or ShareGPT?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from veridical.core.errors import DataError

_QUESTIONS = ("instruction", "question", "prompt", "query")
_ANSWERS = ("output", "answer", "response", "completion")


def alpaca(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return {instruction, input, output}.

    Raises:
        DataError: the record has no question or no answer.

    Example:
        >>> alpaca({"question": "2 + 2?", "answer": "4"})
        {'instruction': '2 + 2?', 'input': '', 'output': '4'}
    """
    return {
        "instruction": _first(fields, _QUESTIONS, "question"),
        "input": str(fields.get("input") or fields.get("context") or ""),
        "output": _first(fields, _ANSWERS, "answer"),
    }


def messages(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return {messages: [{role, content}]}, the form that `trl` and OpenAI take.

    Example:
        >>> turns = messages({"instruction": "Hi", "output": "Hello", "system": "Be kind"})["messages"]
        >>> [turn["role"] for turn in turns]
        ['system', 'user', 'assistant']
    """
    if isinstance(fields.get("messages"), list):
        return {"messages": [{"role": turn["role"], "content": turn["content"]} for turn in fields["messages"]]}
    turns = [{"role": "user", "content": question_of(fields)}]
    if fields.get("system"):
        turns.insert(0, {"role": "system", "content": str(fields["system"])})
    return {"messages": [*turns, {"role": "assistant", "content": _first(fields, _ANSWERS, "answer")}]}


def sharegpt(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return {conversations: [{from, value}]}.

    Example:
        >>> sharegpt({"instruction": "Hi", "output": "Hello"})["conversations"][0]
        {'from': 'human', 'value': 'Hi'}
    """
    names = {"user": "human", "assistant": "gpt", "system": "system", "tool": "tool"}
    turns = messages(fields)["messages"]
    return {"conversations": [{"from": names.get(t["role"], t["role"]), "value": t["content"]} for t in turns]}


def question_of(fields: Mapping[str, Any]) -> str:
    """Return the question of a record, with its input below it where it has one."""
    question = _first(fields, _QUESTIONS, "question")
    given = str(fields.get("input") or fields.get("context") or "").strip()
    return f"{question}\n\n{given}" if given else question


def _first(fields: Mapping[str, Any], names: tuple[str, ...], what: str) -> str:
    for name in names:
        if isinstance(fields.get(name), str) and fields[name].strip():
            return str(fields[name])
    raise DataError(f"a record has no {what}", where="export", fix=f"export records with one of: {', '.join(names)}")
