"""What does the text layer of a PDF say, page by page?"""

from __future__ import annotations

import io
import logging
from typing import Any

from veridical.connect.document.document import Document, Mark
from veridical.core.errors import DataError, MissingExtraError


def read(content: bytes, name: str) -> Document:
    """Return a PDF's text; pages are apart by an empty line, and each page with text is marked ("page 3").

    Raises:
        DataError: the file is broken, or locked with a password.
        MissingExtraError: pypdf is not installed.
    """
    reader = _reader(content, name)
    texts = _texts(reader, name)
    parts: list[str] = []
    marks: list[Mark] = []
    length = 0
    for number, text in enumerate(texts, start=1):
        if not text:
            continue
        marks.append(Mark(length, f"page {number}"))
        parts.append(text)
        length += len(text) + 2
    title = str(getattr(reader.metadata, "title", None) or "").strip()
    return Document(id=name, text="\n\n".join(parts), title=title, source=name, media="pdf", marks=tuple(marks))


def _reader(content: bytes, name: str) -> Any:
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "pypdf is not installed", where="documents", fix="pip install 'veridical[documents]'"
        ) from missing
    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it tells of every flaw that it mends
    try:
        reader = PdfReader(io.BytesIO(content))
        locked = reader.is_encrypted and not reader.decrypt("")
    except (PyPdfError, ValueError, KeyError, OSError, RecursionError, AttributeError, TypeError) as broken:
        raise DataError("this PDF is broken", where=name, fix="open it and print it to a new PDF") from broken
    if locked:
        raise DataError("this PDF is locked with a password", where=name, fix="save a copy without one")
    return reader


def _texts(reader: Any, name: str) -> list[str]:
    from pypdf.errors import PyPdfError

    try:
        # Lone surrogates come from broken font tables; no other file could hold them.
        return [
            page.extract_text().encode("utf-8", "replace").decode("utf-8").replace("\x00", "").strip()
            for page in reader.pages
        ]
    except (PyPdfError, ValueError, KeyError, RecursionError, AttributeError, TypeError) as broken:
        raise DataError("this PDF is broken", where=name, fix="open it and print it to a new PDF") from broken
