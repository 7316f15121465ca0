"""Which documents does a recipe stand on, cut how, and found how?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from veridical.connect.document import Chunk, Document, chunked, corpus_digest, read_documents
from veridical.core.errors import SpecError
from veridical.retrieval.index import Index


@dataclass(frozen=True)
class Corpus:
    """Documents, their passages, and the index over them."""

    documents: tuple[Document, ...]
    chunks: tuple[Chunk, ...]

    @cached_property
    def digest(self) -> str:
        """What the corpus says, in one number."""
        return corpus_digest(self.documents)

    @cached_property
    def index(self) -> Index:
        """The ways to find a passage."""
        return Index(chunks=self.chunks)


def corpus_of(beside: Path, documents: str, words: int) -> Corpus:
    """Return the corpus at a path taken from `beside`; read once a process.

    Raises:
        SpecError: no path is given. DataError: nothing can be read there.
    """
    if not documents:
        raise SpecError("no documents are named", where="recipe.documents", fix="documents: a file or folder")
    return _corpus((beside / documents).resolve(), words)


@lru_cache(maxsize=4)
def _corpus(path: Path, words: int) -> Corpus:
    documents = read_documents(path)
    return Corpus(documents, chunked(documents, words=words))
