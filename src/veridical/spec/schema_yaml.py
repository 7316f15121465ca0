"""How does a schema read as YAML for a person, and what is wrong with an edited one, on which line?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from veridical.core.errors import SchemaError
from veridical.core.schema import Column, Constraint, ForeignKey, Schema, TableSchema
from veridical.spec import data
from veridical.spec.marks import Document, Problems, load

HEAD = """\
# What was learned, for you to correct: whatever stands here is law for every later step.
# kind: integer decimal boolean datetime date time duration category ordinal identifier personal text
# role: model (learned and generated), context (given, never generated), drop (left out)
# Only values carried by at least `rare_below` records are shown; others are never emitted.
"""
_BARE = re.compile(r"^[^\W\d_][\w .+/()]*$")
_TAKEN = frozenset("null true false yes no on off y n none".split())  # noqa: SIM905
LINE = 116
_LATE = ("reason", "confidence")


def dump(schema: Schema) -> str:
    """Return the schema as YAML with a field a line, long lists wrapped, and the reason of each guess.

    Example:
        >>> from veridical.core.schema import Kind
        >>> age = Column(name="age", kind=Kind.INTEGER, storage="int64", reason="whole numbers")
        >>> schema = Schema(tables=(TableSchema(name="people", columns=(age,)),))
        >>> parse(dump(schema)) == schema
        True
    """
    lines = [HEAD + f"rare_below: {schema.rare_below}"]
    if schema.notes:
        lines += ["notes:", *(f"  - {_text(note)}" for note in schema.notes)]
    lines.append("tables:")
    for table in schema.tables:
        lines += _table(table)
    if schema.foreign_keys:
        lines.append("foreign_keys:")
        for key in schema.foreign_keys:
            lines += _item(key, "  ", first="table")
    return "\n".join(lines) + "\n"


def parse(text: str, *, name: str = "schema.yaml") -> Schema:
    """Return the schema that a YAML text holds.

    Raises:
        SchemaError: naming every unknown field, wrong type, unknown column and doubled name, with its line.
    """
    return _schema(load(text, name=name, error=SchemaError))


def read(path: Path, *, law: Schema | None = None) -> Schema:
    """Return the schema in a file; with a `law`, one that says more of its columns and may leave out the others.

    Raises:
        SchemaError: as `parse` does; also when the file is absent or not UTF-8.
    """
    from veridical.spec import marks

    return _schema(marks.read(path, error=SchemaError), law)


def _schema(document: Document, law: Schema | None = None) -> Schema:
    problems = Problems(document)
    schema = data.schema_from(document, problems, law)
    problems.check(SchemaError)
    if schema is None:
        raise SchemaError("the file holds no schema", where=document.name, fix="learn the source again")
    return schema


def _table(table: TableSchema) -> Iterator[str]:
    yield f"  - name: {_text(table.name)}"
    for name in ("target", "unit", "order_by"):
        value = getattr(table, name)
        if value is not None:
            yield f"    {name}: {_text(value)}"
    for name in ("primary_key", "protected"):
        value = getattr(table, name)
        if value:
            yield f"    {name}: {_list(value, 8)}"
    if table.series is not None:
        yield f"    series: {_list(table.series, 8)}"
    yield "    columns:"
    for column in table.columns:
        yield from _item(column, "      ", first="name")
    if table.constraints:
        yield "    constraints:"
        for rule in table.constraints:
            yield from _item(rule, "      ", first="type")


def _item(value: Column | Constraint | ForeignKey, indent: str, *, first: str) -> Iterator[str]:
    """One field a line, defaults left out, the guess's reason and confidence last."""
    names = [item.name for item in fields(value)]
    order = [first, *(n for n in names if n != first and n not in _LATE), *(n for n in _LATE if n in names)]
    defaults = {item.name: item.default for item in fields(value)}
    mark = "- "
    for name in order:
        held = getattr(value, name)
        if name != first and name != "kind" and held == defaults[name]:
            continue
        yield f"{indent}{mark}{name}: {_value(held, len(indent) + len(name) + 4)}"
        mark = "  "


def _value(value: Any, column: int) -> str:
    if isinstance(value, tuple):
        return _list(value, column)
    if isinstance(value, str):
        return _text(value)
    return json.dumps(value)


def _list(values: tuple[str, ...], column: int) -> str:
    parts = [_text(value, quoted=True) for value in values]
    lines, line = [], ""
    indent = " " * (column + 1)
    for number, part in enumerate(parts):
        piece = part + ("," if number < len(parts) - 1 else "")
        if line and column + len(line) + len(piece) > LINE:
            lines.append(line)
            line = piece
        else:
            line = f"{line} {piece}" if line else piece
    return "[" + ("\n" + indent).join([*lines, line]) + "]"


def _text(text: str, *, quoted: bool = False) -> str:
    """Text as YAML: bare where nothing can be mistaken, else in double quotes."""
    if not quoted and _BARE.match(text) and text.lower() not in _TAKEN and not text.endswith(" "):
        return text
    if not quoted and re.match(r"^[A-Za-z][^:#\n\"'{}\[\]&*!|>%@`]*[^:\s]$", text) and text.lower() not in _TAKEN:
        return text
    # JSON's escapes are YAML's, but YAML refuses some characters that JSON leaves as they are.
    escaped = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == " " else _escape(c) for c in escaped)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
