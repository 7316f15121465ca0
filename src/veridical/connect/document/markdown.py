"""Where do the sections of a Markdown file begin? The text stays as it is written."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

from veridical.connect.document.document import Document, Mark
from veridical.core.errors import MissingExtraError


def read(text: str, name: str) -> Document:
    """Return a Markdown document: its own text, and a mark at each heading.

    Example:
        >>> document = read("# Cards\\n\\nFree.\\n\\n## Fees\\n\\nNone.", "a.md")
        >>> document.title, document.section_at(document.text.index("None"))
        ('Cards', 'Fees')
    """
    starts = [0, *accumulate(len(line) for line in text.splitlines(keepends=True))]
    tokens = _parser().parse(text.replace("\r\n", "\n"))
    marks = [
        Mark(starts[token.map[0]], tokens[index + 1].content)
        for index, token in enumerate(tokens)
        if token.type == "heading_open" and token.map is not None and token.map[0] < len(starts)
    ]
    return Document(
        id=name, text=text, title=marks[0].label if marks else "", source=name, media="markdown", marks=tuple(marks)
    )  # fmt: skip


def _parser() -> Any:
    try:
        from markdown_it import MarkdownIt
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "markdown-it-py is not installed", where="documents", fix="pip install 'veridical[documents]'"
        ) from missing
    return MarkdownIt("commonmark")
