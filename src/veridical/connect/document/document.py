"""What is a document, whatever file it came from?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from veridical.core import digest


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that begins at `start` of a document's text: a page ("page 3") or a section (its heading)."""

    start: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document. Offsets into `text` count characters (code points) and are what all spans refer to.

    For plain text and Markdown `text` is the file itself, decoded; for HTML, PDF and Word it is what was read out of
    the file (`veridical grounded documents` writes it down). `source` is the file's name and `media` its kind.
    """

    id: str
    text: str
    title: str = ""
    source: str = ""
    media: str = "text"
    marks: tuple[Mark, ...] = ()

    def section_at(self, place: int) -> str:
        """Return the label of the last mark at or before a place; "" before the first.

        Example:
            >>> Document(id="a", text="One. Two.", marks=(Mark(5, "page 2"),)).section_at(7)
            'page 2'
        """
        label = ""
        for mark in self.marks:
            if mark.start > place:
                break
            label = mark.label
        return label


def corpus_digest(documents: Sequence[Document]) -> str:
    """Return the SHA-256 of what all documents say, in hex: equal corpora have equal digests."""
    return digest.of_json([[document.id, digest.of_bytes(document.text.encode())] for document in documents])
