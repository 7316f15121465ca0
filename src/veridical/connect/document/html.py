"""What does a web page say to a reader, block by block?"""

from __future__ import annotations

import re
from typing import Any

from veridical.connect.document.document import Document, Mark
from veridical.core.errors import MissingExtraError

_SILENT = ("title", "script", "style", "noscript", "template", "svg", "head", "iframe", "object", "canvas")
_BLOCK_NAMES = """address article aside blockquote body caption dd details div dl dt fieldset figcaption figure footer
form h1 h2 h3 h4 h5 h6 header hr html li main nav ol p pre section summary table tbody tfoot thead tr ul"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")


def read(content: bytes, name: str) -> Document:
    """Return a web page's text: blocks on lines of their own, cells of a row apart by " | ", headings marked.

    The encoding is taken from the page itself; scripts, styles and the head are left out, broken markup is mended.

    Example:
        >>> page = read(b"<title>T</title><h1>Fees</h1><p>No <b>fee</b>.<script>x()</script>", "a.html")
        >>> page.title, page.text
        ('T', 'Fees\\nNo fee.')
    """
    soup = _soup(content)
    title = _SPACE.sub(" ", soup.title.get_text()).strip() if soup.title is not None else ""
    writer = _Writer()
    writer.write(soup)
    writer.end_line()
    text = "\n".join(writer.lines)
    marks = tuple(Mark(start, label) for start, label in writer.headings if label)
    return Document(
        id=name, text=text, title=title or (marks[0].label if marks else ""), source=name, media="html", marks=marks
    )  # fmt: skip


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.headings: list[tuple[int, str]] = []
        self._parts: list[str] = []
        self._length = 0

    def write(self, node: Any) -> None:
        from bs4.element import Comment, NavigableString, PreformattedString

        for child in node.children:
            if isinstance(child, Comment | PreformattedString):
                continue
            if isinstance(child, NavigableString):
                self._parts.append(str(child))
            elif child.name == "br":
                self.end_line()
            elif child.name not in _SILENT:
                self._write_element(child)

    def _write_element(self, element: Any) -> None:
        block = element.name in _BLOCKS
        if block:
            self.end_line()
        if element.name in ("td", "th") and "".join(self._parts).strip():
            self._parts.append(" | ")
        start, first = self._length, len(self.lines)
        self.write(element)
        if block:
            self.end_line()
        if element.name in _HEADINGS:
            self.headings.append((start, " ".join(self.lines[first:])))

    def end_line(self) -> None:
        line = _SPACE.sub(" ", "".join(self._parts)).strip()
        self._parts.clear()
        if line:
            self.lines.append(line)
            self._length += len(line) + 1


def _soup(content: bytes) -> Any:
    try:
        from bs4 import BeautifulSoup
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "beautifulsoup4 is not installed", where="documents", fix="pip install 'veridical[documents]'"
        ) from missing
    return BeautifulSoup(content, "html.parser")
