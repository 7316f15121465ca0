"""Which documents lie in a file or folder, and which reader knows each?"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from veridical.connect.document import docx, html, markdown, pdf
from veridical.connect.document.document import Document, Mark
from veridical.connect.encoding import guess
from veridical.core.errors import DataError

_IDS = ("doc_id", "id", "_id", "docid", "pid")
_TEXTS = ("text", "content", "contents", "body", "passage", "document")
_QUESTIONS = ("question", "query", "claim")
_FEW = 3
_READERS: dict[str, Callable[[bytes, str], Document]] = {
    ".txt": lambda content, name: Document(id=name, text=_decoded(content), source=name),
    ".md": lambda content, name: markdown.read(_decoded(content), name),
    ".markdown": lambda content, name: markdown.read(_decoded(content), name),
    ".html": lambda content, name: html.read(content, name),
    ".htm": lambda content, name: html.read(content, name),
    ".pdf": pdf.read,
    ".docx": docx.read,
}
_RECORDS = (".jsonl", ".ndjson", ".json")
DOCUMENT_SUFFIXES = (*_READERS, *_RECORDS)


def read_documents(path: Path) -> tuple[Document, ...]:
    """Return the documents of a file, or of every file under a folder (hidden ones and `questions_beside` aside), by
    name.

    A JSON-lines file (.gz too) holds a document a line: an id (doc_id, id, _id), a text (text, content, body) and
    perhaps a title. In other JSON each member of the outermost object or list is a document, written as an outline.

    Raises:
        DataError: nothing is there, a file is broken or holds no text, or two documents have one id.
        MissingExtraError: its reader is not installed.
    """
    if not path.exists():
        raise DataError("there is no such file or folder", where=str(path), fix="check the path")
    aside = set(questions_beside(path))
    files = [path] if path.is_file() else [file for file in _files(path) if file not in aside]
    documents = [document for file in files for document in _read(file, path)]
    documents = [document for document in documents if document.text.strip()]
    if not documents:
        fix = f"give {', '.join(DOCUMENT_SUFFIXES)}; a scanned PDF needs text recognition first"
        raise DataError("no text is in it", where=str(path), fix=fix)
    seen: set[str] = set()
    for document in documents:
        if document.id in seen:
            raise DataError("two documents have the same id", where=document.source or str(path), fix="rename one")
        seen.add(document.id)
    return tuple(documents)


def questions_beside(folder: Path) -> tuple[Path, ...]:
    """Return a folder's JSON-lines files of questions ({question, query or claim} without a text): no documents.

    Read as documents they would answer the very questions that are asked of the others.
    """
    if not folder.is_dir():
        return ()
    return tuple(file for file in _files(folder) if _suffix(file) in (".jsonl", ".ndjson") and _asks(file))


def _asks(file: Path) -> bool:
    try:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
            record = json.loads(_decoded(lines.readline()))
    except (ValueError, OSError):
        return False
    questions = isinstance(record, dict) and any(isinstance(record.get(key), str) for key in _QUESTIONS)
    return questions and not _is_document(record)


def _files(folder: Path) -> list[Path]:
    found = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and _suffix(file) in DOCUMENT_SUFFIXES
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]  # fmt: skip
    if not found:
        raise DataError("the folder holds no document", where=str(folder), fix=f"give {', '.join(DOCUMENT_SUFFIXES)}")
    return found


def _suffix(file: Path) -> str:
    return Path(file.name.removesuffix(".gz")).suffix.lower()


def _read(file: Path, root: Path) -> Iterator[Document]:
    suffix = _suffix(file)
    name = file.name if file == root else file.relative_to(root).as_posix()
    content = file.read_bytes()
    if file.suffix == ".gz":
        content = gzip.decompress(content)
    if suffix in _RECORDS:
        yield from _of_records(_decoded(content), suffix, name)
    elif suffix in _READERS:
        yield _READERS[suffix](content, name)
    else:
        fix = f"give {', '.join(DOCUMENT_SUFFIXES)}"
        raise DataError("no reader knows this kind of document", where=name, fix=fix)


def _decoded(content: bytes) -> str:
    # Line ends stay as they are: offsets count the characters of the file.
    return content.decode(guess(content, whole=True), errors="replace").removeprefix("\ufeff")


def _of_records(text: str, suffix: str, name: str) -> Iterator[Document]:
    try:
        if suffix == ".json":
            value = json.loads(text)
            records = value if isinstance(value, list) else None
        else:
            value, records = None, [json.loads(line) for line in text.split("\n") if line.strip()]
    except ValueError:
        raise DataError("this is no JSON", where=name, fix="write one JSON object a line") from None
    if records is None or not all(_is_document(record) for record in records[:_FEW]):
        yield from _outlines(value if records is None else records, name)
        return
    for number, record in enumerate(records):
        if not _is_document(record):
            raise DataError(f"record {number} has no text", where=name, fix=f"name it one of {', '.join(_TEXTS)}")
        yield _of_record(record, number, name)


def _is_document(record: Any) -> bool:
    return isinstance(record, dict) and any(isinstance(record.get(key), str) for key in _TEXTS)


def _of_record(record: Mapping[str, Any], number: int, name: str) -> Document:
    key = next((key for key in _IDS if record.get(key) is not None), None)
    text = next(record[key] for key in _TEXTS if isinstance(record.get(key), str))
    title = record.get("title")
    return Document(
        id=str(record[key]) if key is not None else f"{name}:{number}",
        text=text,
        title=title.replace("_", " ") if isinstance(title, str) else "",
        source=name,
        media="record",
    )


def _outlines(value: Any, name: str) -> Iterator[Document]:
    """Yield each member of a JSON value as an outline: keys are headings, texts are lines."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        lines: list[str] = []
        marks: list[Mark] = []
        _write({str(key): member} if isinstance(member, dict | list) else member, "", lines, marks)
        text = "\n".join(lines)
        yield Document(
            id=f"{name}:{key}", text=text, title=str(key), source=name, media="outline", marks=tuple(marks)
        )  # fmt: skip


def _write(value: Any, key: str, lines: list[str], marks: list[Mark]) -> None:
    if isinstance(value, dict | list):
        if key and isinstance(value, dict):
            marks.append(Mark(sum(len(line) + 1 for line in lines) + 1, key))
        if key:
            lines += ["", f"{key}:"]
        for name, item in value.items() if isinstance(value, dict) else (("", item) for item in value):
            _write(item, str(name), lines, marks)
    elif value not in (None, ""):
        lines.append(f"{key}: {value}" if key else str(value))
