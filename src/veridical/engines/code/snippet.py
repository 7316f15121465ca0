"""Which lines of real code inspire task number n?

Wei et al. 2023, "Magicoder" (OSS-Instruct): 1 to 15 random lines in a row of a random file of real code.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from veridical.core import digest
from veridical.core.errors import DataError
from veridical.core.rng import stream

MOST_LINES = 15
_FILES = 2_000
_BYTES = 400_000  # a longer file is data, or generated
STDLIB = "stdlib"


@dataclass(frozen=True, slots=True)
class Document:
    """A file of real code: its name below the folder given, and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Snippet:
    """Lines of a document, the first one counted from 1."""

    document: str
    first: int
    text: str

    @property
    def source(self) -> str:
        """Where it stands, as lineage has it."""
        return f"{self.document}:{self.first}-{self.first + self.text.count(chr(10))}"


def read_code(place: str, beside: Path) -> tuple[Document, ...]:
    """Return the Python files of a folder (or one file), by name; "stdlib" is Python's own library.

    Raises:
        DataError: there is no code there.
    """
    if place == STDLIB:
        return _read(Path(os.__file__).parent, top_only=True)
    folder = beside / place
    if not folder.exists():
        raise DataError("there is no such folder of code", where="code", fix="paths are taken from the spec's folder")
    return _read(folder, top_only=False)


def documents_of(records: Sequence[Mapping[str, Any]], field: str) -> tuple[Document, ...]:
    """Return the code that seed records hold in a field."""
    return tuple(Document(f"seed:{n}", str(r[field])) for n, r in enumerate(records) if str(r.get(field, "")).strip())


def draw_snippet(documents: Sequence[Document], *, seed: int, turn: int) -> Snippet:
    """Return the lines that a turn gets: always the same ones.

    Example:
        >>> code = [Document("a.py", "import os\\n\\ndef f(x):\\n    return x + 1\\n")]
        >>> draw_snippet(code, seed=1, turn=0).document
        'a.py'
    """
    rng = stream(seed, "snippet", turn)
    for _ in range(100):
        document = documents[int(rng.integers(len(documents)))]
        lines = document.text.splitlines()
        start = int(rng.integers(max(1, len(lines))))
        text = "\n".join(lines[start : start + 1 + int(rng.integers(MOST_LINES))]).rstrip()
        if _says_something(text):
            skipped = len(text) - len(text.lstrip("\n"))
            return Snippet(document.name, start + 1 + skipped, text.lstrip("\n"))
    raise DataError("the files hold hardly any code", where="code", fix="name a folder of Python files")


def digest_of(documents: Sequence[Document]) -> str:
    """Return what stands for the documents in a journal."""
    return digest.of_json([[document.name, document.text] for document in documents])


def _says_something(text: str) -> bool:
    lines = [line.strip() for line in text.splitlines()]
    return any(line and not line.startswith("#") and any(sign.isalpha() for sign in line) for line in lines)


@lru_cache(maxsize=8)
def _read(folder: Path, *, top_only: bool) -> tuple[Document, ...]:
    found = [folder] if folder.is_file() else sorted(folder.glob("*.py") if top_only else folder.rglob("*.py"))
    documents = []
    for path in found[:_FILES]:
        if path.stat().st_size <= _BYTES:
            name = path.name if path == folder else path.relative_to(folder).as_posix()
            documents.append(Document(name, path.read_text(encoding="utf-8", errors="replace")))
    if not documents:
        raise DataError("there are no Python files", where="code", fix="name a folder of .py files")
    return tuple(documents)
