"""What does a Word document say, paragraphs and tables in their order?"""

from __future__ import annotations

import io
import zipfile
from typing import Any

from veridical.connect.document.document import Document, Mark
from veridical.core.errors import DataError, MissingExtraError


def read(content: bytes, name: str) -> Document:
    """Return a .docx file's text: a line a paragraph, a line a table row (cells apart by " | "), headings marked.

    Raises:
        DataError: the file is no .docx, or broken.
        MissingExtraError: python-docx is not installed.
    """
    document = _opened(content, name)
    lines: list[str] = []
    marks: list[Mark] = []
    length = 0
    for line, heading in _lines(document):
        if heading:
            marks.append(Mark(length, line))
        lines.append(line)
        length += len(line) + 1
    title = str(document.core_properties.title or "").strip() or (marks[0].label if marks else "")
    return Document(id=name, text="\n".join(lines), title=title, source=name, media="docx", marks=tuple(marks))


def _lines(document: Any) -> list[tuple[str, bool]]:
    from docx.table import Table

    found: list[tuple[str, bool]] = []
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            for row in item.rows:
                # A merged cell is told once for each column it spans.
                cells = {cell._tc: " ".join(cell.text.split()) for cell in row.cells}
                texts = cells.values()
                found.append((" | ".join(text for text in texts if text), False))
        else:
            style = item.style.name if item.style is not None else ""
            found.append((item.text.strip(), str(style).startswith(("Heading", "Title"))))
    return [(line, heading) for line, heading in found if line]


def _opened(content: bytes, name: str) -> Any:
    try:
        import docx
        from docx.opc.exceptions import OpcError
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "python-docx is not installed", where="documents", fix="pip install 'veridical[documents]'"
        ) from missing
    try:
        return docx.Document(io.BytesIO(content))
    except (OpcError, zipfile.BadZipFile, ValueError, KeyError, OSError) as broken:
        fix = "save it as .docx again (an old .doc is another format)"
        raise DataError("this is no Word document, or it is broken", where=name, fix=fix) from broken
