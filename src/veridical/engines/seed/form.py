"""Which form must a text have, where a condition gives a pattern?"""

from __future__ import annotations

import re
from collections.abc import Iterable

import pyarrow as pa

from veridical.connect.database.structure import Check
from veridical.connect.database.token import Token, tokens

_REGEX = frozenset(("~", "~*", "REGEXP", "RLIKE", "GLOB"))
_LIKE = frozenset(("LIKE", "ILIKE", "~~", "~~*"))
_ANY = "[a-z]{1,8}"


def forms_of(checks: Iterable[Check], names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return by column the regular expressions that its texts must match as a whole or in part.

    Example:
        >>> forms_of([Check(name="", text="((code)::text ~ '^[A-Z]{3}$'::text)")], ["code"])
        {'code': ('^[A-Z]{3}$',)}
        >>> forms_of([Check(name="", text="sku LIKE 'A-%'")], ["sku"])
        {'sku': ('^A\\\\-[a-z]{1,8}$',)}
    """
    known = {name.lower(): name for name in names}
    found: dict[str, tuple[str, ...]] = {}
    for check in checks:
        words = tokens(check.text)
        if any(word.upper in ("OR", "NOT") for word in words):
            continue
        for place, word in enumerate(words[:-1]):
            sign, value = word.upper, words[place + 1]
            if value.kind != "text" or sign not in _REGEX | _LIKE:
                continue
            column = _column_before(words, place, known)
            if column is not None:
                found[column] = (*found.get(column, ()), _expression(sign, value.value))
    return found


def _column_before(words: list[Token], place: int, known: dict[str, str]) -> str | None:
    """The column that stands left of a sign, behind brackets and casts."""
    for word in reversed(words[:place]):
        if word.kind in ("word", "quoted") and word.name.lower() in known:
            return known[word.name.lower()]
        if word.spelling not in ("(", ")", "::") and word.spelling.lower() not in _CASTS:
            return None
    return None


_CASTS = frozenset(("text", "varchar", "character", "varying", "bpchar", "citext"))


def _expression(sign: str, text: str) -> str:
    if sign in _LIKE:
        parts = [{"%": _ANY, "_": "[a-z]"}.get(letter, re.escape(letter)) for letter in text]
        return f"^{''.join(parts)}$"
    if sign == "GLOB":
        plain = {"*": _ANY, "?": "[a-z]"}
        letters = re.findall(r"\[[^\]]+\]|.", text)
        shown = [plain.get(part, part if part.startswith("[") else re.escape(part)) for part in letters]
        return f"^{''.join(shown)}$"
    return text


def matches(values: pa.Array, forms: tuple[str, ...]) -> bool:
    """Say whether all texts match all expressions (a "%" of LIKE matches any letters)."""
    patterns = []
    for form in forms:
        try:
            patterns.append(re.compile(form.replace(_ANY, ".*").replace("[a-z]$", ".$"), re.DOTALL))
        except re.error:
            return True  # another dialect's expression: the database has the last word
    return all(pattern.search(text) for text in values.drop_null().to_pylist() for pattern in patterns)
