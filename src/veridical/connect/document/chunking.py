"""How is a document cut into passages that never lose their place?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from veridical.connect.document.document import Document
from veridical.core.errors import SpecError

# A full stop ends a sentence when white space and no small letter follow; so does an empty line.
_END = re.compile(r"(?<=[.!?。！？…])[\"'”’)\]]*\s+(?=[^a-z\s])|\n\s*\n")
_ABBREVIATION = re.compile(r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|No|Fig|al|approx))\.$")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A passage: `text` is exactly characters `start` to `end` of document `document`'s text."""

    id: str
    document: str
    start: int
    end: int
    text: str
    title: str = ""
    section: str = ""


def chunked(documents: Iterable[Document], *, words: int = 120, overlap: int = 0) -> tuple[Chunk, ...]:
    """Return the documents' passages of at most `words` words, cut between sentences where one ends in time.

    A heading or page begins a new passage only where one is full anyway; an empty document has none. `overlap` is how
    many of a passage's last sentences the next one repeats.

    Raises:
        SpecError: `words` is below 8, or `overlap` is negative.

    Example:
        >>> text = "One two three four. " * 3
        >>> [(c.id, c.start, c.end) for c in chunked([Document(id="a", text=text)], words=8)]
        [('a#0', 0, 39), ('a#1', 40, 59)]
    """
    if words < 8 or overlap < 0:
        raise SpecError("passages have 8 words or more, and overlap by 0 sentences or more", where="chunk_words")
    return tuple(chunk for document in documents for chunk in _chunks(document, words, overlap))


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each sentence of a text begins and ends, white space around it left out.

    Example:
        >>> text = "Mr. Lee left. 그는 갔다. Done"
        >>> [text[a:b] for a, b in sentences(text)]
        ['Mr. Lee left.', '그는 갔다.', 'Done']
    """
    start = 0
    for found in _END.finditer(text):
        if "\n" not in found.group() and _ABBREVIATION.search(text, max(start, found.start() - 12), found.start()):
            continue
        yield from _trimmed(text, start, found.end())
        start = found.end()
    yield from _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    left, right = len(piece) - len(piece.lstrip()), len(piece.rstrip())
    if right > left:
        yield start + left, start + right


def _chunks(document: Document, words: int, overlap: int) -> Iterator[Chunk]:
    pieces = [piece for start, end in sentences(document.text) for piece in _short(document.text, start, end, words)]
    sizes = [len(document.text[a:b].split()) for a, b in pieces]
    first, number = 0, 0
    while first < len(pieces):
        last, total = first, sizes[first]
        while last + 1 < len(pieces) and total + sizes[last + 1] <= words:
            last += 1
            total += sizes[last]
        start, end = pieces[first][0], pieces[last][1]
        yield Chunk(
            id=f"{document.id}#{number}",
            document=document.id,
            start=start,
            end=end,
            text=document.text[start:end],
            title=document.title,
            section=document.section_at(start),
        )
        number += 1
        first = last + 1 if last + 1 == len(pieces) else max(first + 1, last + 1 - overlap)


def _short(text: str, start: int, end: int, words: int) -> Iterator[tuple[int, int]]:
    """Cut one sentence that is longer than a passage may be, between words."""
    places: Sequence[tuple[int, int]] = [found.span() for found in _WORD.finditer(text, start, end)]
    for at in range(0, len(places), words):
        run = places[at : at + words]
        yield run[0][0], run[-1][1]
