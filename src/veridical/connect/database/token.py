"""Which words is this SQL made of?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
      | (?P<text>[eEnN]?'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
      | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)
      | (?P<word>[^\W\d][\w$]*)
      | (?P<sign><>|!=|<=|>=|==|::|\|\||->>|->|!~~\*|!~~|~~\*|~~|!~\*|!~|~\*|.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """One word: its kind ("text", "quoted", "number", "word", "sign"), its spelling, where it starts and ends."""

    kind: str
    spelling: str
    start: int
    end: int

    @property
    def upper(self) -> str:
        """The word in capitals; quoted names and texts are never words."""
        return self.spelling.upper() if self.kind in ("word", "sign") else ""

    @property
    def name(self) -> str:
        """The name that a word or quoted name stands for."""
        return unquote(self.spelling) if self.kind == "quoted" else self.spelling

    @property
    def value(self) -> str:
        """The text of a quoted text."""
        body = self.spelling[self.spelling.index("'") + 1 : -1]
        return body.replace("''", "'")


def tokens(sql: str) -> list[Token]:
    """Return the words of a text, spaces and comments left out.

    Array brackets of types (`text[]`) read as signs; `[name]` with letters inside as a quoted name.

    Example:
        >>> [token.spelling for token in tokens("price >= 0 -- free is fine")]
        ['price', '>=', '0']
    """
    return list(_tokens(sql))


def _tokens(sql: str) -> Iterator[Token]:
    position = 0
    before: Token | None = None
    while position < len(sql):
        found = _TOKEN.match(sql, position)
        if found is None:
            return
        kind = str(found.lastgroup)
        end = found.end()
        # PostgreSQL spells arrays as ARRAY[...] and type[]: there a bracket quotes nothing.
        bracket = kind == "quoted" and found.group().startswith("[") and before is not None
        if bracket and before is not None and _ends_value(before):
            kind, end = "sign", position + 1
        if kind != "space":
            before = Token(kind, sql[position:end], position, end)
            yield before
        position = end


_BEFORE_NAME = frozenset(
    (
        "CHECK", "CONSTRAINT", "TABLE", "REFERENCES", "KEY", "COLUMN", "AND", "OR", "NOT", "BETWEEN", "IN", "IS",
        "LIKE", "AS", "ON", "THEN", "ELSE", "WHEN",
    )
)  # fmt: skip


def _ends_value(word: Token) -> bool:
    """Whether a bracket behind this word opens a list."""
    if word.kind in ("word", "quoted"):
        return word.upper not in _BEFORE_NAME
    return word.spelling in (")", "]", "[")


def unquote(name: str) -> str:
    """Return the name that quotes stand around.

    Example:
        >>> unquote('"a""b"'), unquote("[Order Details]")
        ('a"b', 'Order Details')
    """
    if name[:1] == "[":
        return name[1:-1]
    mark = name[:1]
    return name[1:-1].replace(mark * 2, mark) if mark in ('"', "`") else name


def closing(words: list[Token], opening: int) -> int:
    """Return the place of the bracket that closes the one at `opening`; the last word where none does."""
    depth = 0
    for place in range(opening, len(words)):
        depth += {"(": 1, ")": -1}.get(words[place].spelling, 0)
        if depth == 0:
            return place
    return len(words) - 1
