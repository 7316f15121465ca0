"""What does a YAML file say, and on which line does it say so?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from veridical.core.errors import SpecError, VeridicalError

Place = tuple[str | int, ...]

MAX_NODES = 5_000_000
SHOWN = 20

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)$")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_SPECIAL = {".inf": float("inf"), "-.inf": float("-inf"), ".nan": float("nan")}
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file's value, the line of each part, and each scalar as it was written.

    Scalars follow YAML 1.2's core schema: `no`, `on`, `2024-01-31` and `12:30` stay text, `1e6` is a number.

    Example:
        >>> document = load("rows: 1e6\\ncountry: no\\n")
        >>> document.value, document.line("country")
        ({'rows': 1000000.0, 'country': 'no'}, 2)
    """

    value: Any
    name: str
    lines: Mapping[Place, int]
    written: Mapping[Place, str]

    def line(self, *place: str | int) -> int:
        """Return the line of a part, or of the nearest part around it, counted from 1."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


@dataclass(slots=True)
class Problems:
    """Everything that is wrong with a document, gathered so that all of it is told at once.

    Example:
        >>> problems = Problems(load("rows: -1", name="run.yaml"))
        >>> problems.add("rows is negative", "rows", fix="give 1 or more")
        >>> problems.check()
        Traceback (most recent call last):
        veridical.core.errors.SpecError: run.yaml:1: rows is negative (to mend: give 1 or more)
    """

    document: Document
    found: list[tuple[int, str, str | None]] = field(default_factory=list)

    def add(self, message: str, *place: str | int, fix: str | None = None) -> None:
        """Remember one problem at one place of the document."""
        self.found.append((self.document.line(*place), message, fix))

    def check(self, error: type[VeridicalError] = SpecError) -> None:
        """Raise one error that names every problem with its line; do nothing when there is none.

        Raises:
            VeridicalError: of the class `error`.
        """
        if not self.found:
            return
        ordered = sorted(self.found, key=lambda problem: problem[0])
        if len(ordered) == 1:
            line, message, fix = ordered[0]
            raise error(message, where=f"{self.document.name}:{line}", fix=fix)
        shown = [f"  line {line}: {message}{f' ({fix})' if fix else ''}" for line, message, fix in ordered[:SHOWN]]
        more = f"\n  ... and {len(ordered) - SHOWN} more" if len(ordered) > SHOWN else ""
        raise error(f"{len(ordered)} problems\n" + "\n".join(shown) + more, where=self.document.name)


def read(path: Path, *, error: type[VeridicalError] = SpecError) -> Document:
    """Return the document in a file.

    Raises:
        VeridicalError: of the class `error`: the file is absent, is not UTF-8, or is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as absent:
        raise error("there is no such file", where=str(path), fix="check the path") from absent
    except IsADirectoryError as folder:
        raise error("this is a folder", where=str(path), fix="give the YAML file inside it") from folder
    except UnicodeDecodeError as broken:
        raise error("the file is not UTF-8 text", where=str(path), fix="save it as UTF-8") from broken
    return load(text, name=str(path), error=error)


def load(text: str, *, name: str = "the YAML text", error: type[VeridicalError] = SpecError) -> Document:
    """Return the document a YAML text holds; tags are passed over and never build objects.

    Raises:
        VeridicalError: of the class `error`: the text is not YAML, or names a key twice.
    """
    try:
        node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as wrong:
        line = 1 if wrong.problem_mark is None else wrong.problem_mark.line + 1
        raise error(
            f"not YAML: {wrong.problem}", where=f"{name}:{line}", fix="check indents, colons, quotes"
        ) from wrong
    except (yaml.YAMLError, RecursionError) as wrong:
        raise error("not YAML, or nested too deeply", where=name, fix="check for unprintable characters") from wrong
    builder = _Builder(name=name, error=error)
    value = None if node is None else builder.build(node, ())
    document = Document(value, name, builder.lines, builder.written)
    problems = Problems(document)
    for place in builder.doubled:
        problems.add(f"{place[-1]!r} is given twice", *place, fix="keep one")
    problems.check(error)
    return document


@dataclass(slots=True)
class _Builder:
    name: str
    error: type[VeridicalError]
    lines: dict[Place, int] = field(default_factory=dict)
    written: dict[Place, str] = field(default_factory=dict)
    doubled: list[Place] = field(default_factory=list)
    open_nodes: set[int] = field(default_factory=set)
    nodes: int = 0

    def build(self, node: yaml.Node, place: Place) -> Any:
        self.nodes += 1
        line = node.start_mark.line + 1
        if self.nodes > MAX_NODES or id(node) in self.open_nodes:
            raise self.error("aliases repeat without end", where=f"{self.name}:{line}", fix="write the parts out")
        self.lines.setdefault(place, line)
        if isinstance(node, yaml.ScalarNode):
            self.written[place] = node.value
            return _scalar(node)
        self.open_nodes.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*place, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, place)
        finally:
            self.open_nodes.discard(id(node))

    def _mapping(self, node: yaml.Node, place: Place) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise self.error("a key must be plain text", where=f"{self.name}:{line}", fix="use a word as key")
            key = str(key_node.value)
            if key in values:
                self.doubled.append((*place, key))
            self.lines[(*place, key)] = line
            values[key] = self.build(value_node, (*place, key))
        return values


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style in ("'", '"', "|", ">"):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if len(text) < 4000 and _INTEGER.match(text):
        return int(text.replace("_", ""))
    if _FLOAT.match(text):
        return float(text)
    return _SPECIAL.get(text.lower(), text)
