"""What does only the text of a CREATE TABLE say?"""

from __future__ import annotations

from veridical.connect.database.structure import Check
from veridical.connect.database.token import Token, closing, tokens

_NO_COLUMN = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})


class Parts:
    """What only the text of a CREATE TABLE says."""

    def __init__(self) -> None:
        self.checks: list[Check] = []
        self.generated: dict[str, str] = {}
        self.deferred = False


def parts_of(written: str) -> Parts:
    """Return what a CREATE TABLE says of conditions, computed columns and links that wait."""
    parts = Parts()
    words = tokens(written)
    opening = next((i for i, word in enumerate(words) if word.spelling == "("), None)
    if opening is None:
        return parts
    item: list[Token] = []
    depth = 0
    for word in [*words[opening + 1 : closing(words, opening)], None]:
        if word is None or (word.spelling == "," and depth == 0):
            _read_item(item, written, parts)
            item = []
            continue
        depth += {"(": 1, ")": -1}.get(word.spelling, 0)
        item.append(word)
    return parts


def _read_item(item: list[Token], written: str, parts: Parts) -> None:
    if not item:
        return
    column = None if item[0].upper in _NO_COLUMN else item[0].name
    place, name = 0, ""
    while place < len(item):
        word = item[place]
        following = item[place + 1] if place + 1 < len(item) else None
        if word.upper == "CONSTRAINT" and following is not None:
            name = following.name
        if word.upper == "DEFERRED":
            parts.deferred = True
        if word.upper in ("CHECK", "AS") and following is not None and following.spelling == "(":
            end = closing(item, place + 1)
            text = written[item[place + 1].end : item[end].start].strip()
            if word.upper == "CHECK":
                parts.checks.append(Check(name=name, text=text))
                name = ""
            elif column is not None:
                parts.generated[column.lower()] = text
            place = end
        place += 1
