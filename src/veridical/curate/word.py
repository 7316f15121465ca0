"""What are the words of a text, in any script, and how much do two texts share?"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_SPACE = re.compile(r"\s+")
_NUMBERED = re.compile(r"(?:^|\n)\s*(?:Task\s*)?\d+\s*[.:)]\s*", re.I)


def words_of(text: str) -> list[str]:
    """Return a text's words: lower case, NFKC, punctuation left out.

    Example:
        >>> words_of("Don't panic: it's 42!")
        ['don', 't', 'panic', 'it', 's', '42']
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


def plain(text: str) -> str:
    """Return a text as its words with single spaces: equal for texts that differ in case, spacing or punctuation."""
    return " ".join(words_of(text))


def squeezed(text: str) -> str:
    """Return a text's letters and digits alone (GPT-4's contamination check looks at these).

    Example:
        >>> squeezed("A b-c, 1.")
        'abc1'
    """
    return "".join(words_of(text))


def one_line(text: str) -> str:
    """Return a text on one line, spaces single."""
    return _SPACE.sub(" ", text).strip()


def numbered_items(text: str) -> list[str]:
    """Return the items of a numbered list, first to last; the first one's number may stand in the question.

    Example:
        >>> numbered_items(" Name a colour.\\n10. Sort these words.")
        ['Name a colour.', 'Sort these words.']
    """
    return [item for item in map(one_line, _NUMBERED.split(text.lstrip())) if item]


def grams(words: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """Return every run of `size` words, first to last.

    Example:
        >>> grams(["a", "b", "c"], 2)
        [('a', 'b'), ('b', 'c')]
    """
    return list(zip(*(words[start:] for start in range(size)), strict=False))


def texts_of(records: Iterable[Mapping[str, Any]], names: Sequence[str] = ()) -> list[str]:
    """Return the text of each record: its named fields, or all its text fields, joined by blank lines."""
    return [joined(record, names) for record in records]


def joined(fields: Mapping[str, Any], names: Sequence[str] = ()) -> str:
    """Return the named text fields (all where none is named) joined by blank lines."""
    wanted = [name for name in names if name in fields] if names else list(fields)
    return "\n\n".join(fields[name] for name in wanted if isinstance(fields[name], str))
