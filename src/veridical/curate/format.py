"""Is the record there, whole, and of the shape that was asked for?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from veridical.curate.setting import configured
from veridical.llm.candidate import Ask, Candidate, Rejection

_LEFTOVER = re.compile(
    r"\{\{?\s*\w+\s*\}?\}|<\|[a-z_]+\|>|\[/?INST\]|</?s>|```|(^|\n)(assistant|user|system)\s*:", re.I
)
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str, "number": (int, float), "integer": int, "boolean": bool, "array": list, "object": dict,
}  # fmt: skip


@configured
@dataclass(frozen=True, kw_only=True)
class Format:
    """Refuses missing or empty fields, wrong types, values out of a list, and remains of templates.

    `required` names fields (empty: all that the record has must be filled); `optional` ones may be empty.
    `types` maps a field to a JSON type, `choices` to its allowed values, `pattern` to a regular expression that all of
    it must match. `leftovers` "keep" lets template remains through (code may hold them).

    Example:
        >>> import asyncio
        >>> bad = Candidate(fields={"text": " "})
        >>> asyncio.run(Format(required=("text",))(bad, None)).reason
        'text is empty'
    """

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ("input", "system", "context")
    types: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pattern: Mapping[str, str] = field(default_factory=dict)
    leftovers: str = "refuse"
    name: str = field(default="format", init=False)

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:  # noqa: ARG002
        """Return the candidate, or what is wrong with its shape."""
        fields = candidate.fields
        problem = self._missing(fields) or self._misshapen(fields)
        return candidate if problem is None else Rejection(self.name, problem)

    def _missing(self, fields: Mapping[str, Any]) -> str | None:
        for name in self.required or fields:
            value = fields.get(name)
            if name not in fields or value is None:
                return f"{name} is missing"
            if name not in self.optional and isinstance(value, str | list | dict) and not _filled(value):
                return f"{name} is empty"
        return None

    def _misshapen(self, fields: Mapping[str, Any]) -> str | None:
        for name, kind in self.types.items():
            if name in fields and not _is(fields[name], kind):
                return f"{name} is no {kind}"
        for name, allowed in self.choices.items():
            if name in fields and str(fields[name]) not in allowed:
                return f"{name} is none of the {len(allowed)} allowed values"
        for name, pattern in self.pattern.items():
            if name in fields and re.fullmatch(pattern, str(fields[name]), re.DOTALL) is None:
                return f"{name} does not match its pattern"
        if self.leftovers == "refuse":
            for name, value in fields.items():
                if isinstance(value, str) and _LEFTOVER.search(value):
                    return f"{name} holds remains of a template"
        return None


def _filled(value: str | list[Any] | dict[str, Any]) -> bool:
    return bool(value.strip()) if isinstance(value, str) else bool(value)


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool) and kind != "boolean":
        return False
    return isinstance(value, _TYPES.get(kind, object))
