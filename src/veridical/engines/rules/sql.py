"""How are tables written as SQL that any database reads?"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from veridical.spec.rules_table import RulesSpec, RuleTable, key_of

_ROWS_PER_INSERT = 500
_TYPES = ((pa.types.is_integer, "BIGINT"), (pa.types.is_floating, "DOUBLE PRECISION"), (pa.types.is_boolean, "BOOLEAN"),
          (pa.types.is_date, "DATE"), (pa.types.is_timestamp, "TIMESTAMP"))  # fmt: skip


def create(table: RuleTable, schema: pa.Schema, spec: RulesSpec) -> str:
    """Return the CREATE TABLE statement, with keys."""
    lines = [f"  {quote(entry.name)} {_type(entry.type)}" for entry in schema]
    own = _key(table)
    if own is not None:
        lines.append(f"  PRIMARY KEY ({quote(own)})")
    for entry in table.fields:
        owner = table.parent if entry.type == "parent" else entry.options.get("table") if entry.type == "key" else None
        if owner is None:
            continue
        other = spec.table(str(owner))
        column = str(entry.options.get("column", key_of(other)))
        if column == _key(other):
            lines.append(f"  FOREIGN KEY ({quote(entry.name)}) REFERENCES {quote(other.name)} ({quote(column)})")
    return f"CREATE TABLE {quote(table.name)} (\n" + ",\n".join(lines) + "\n);\n"


def inserts(name: str, rows: pa.Table) -> str:
    """Return INSERT statements of at most 500 rows each.

    Example:
        >>> print(inserts("t", pa.table({"a": [1, None], "b": ["O'Neil", "x"]})), end="")
        INSERT INTO "t" ("a", "b") VALUES
        (1,'O''Neil'),
        (NULL,'x');
    """
    if rows.num_rows == 0:
        return ""
    cells = [_literals(column.combine_chunks()) for column in rows.columns]
    separated = [part for cell in cells for part in (cell, ",")][:-1]
    tuples = pc.binary_join_element_wise("(", *separated, ")", "").to_pylist()
    head = f"INSERT INTO {quote(name)} ({', '.join(quote(column) for column in rows.column_names)}) VALUES\n"
    parts = [tuples[i : i + _ROWS_PER_INSERT] for i in range(0, len(tuples), _ROWS_PER_INSERT)]
    return "".join(head + ",\n".join(part) + ";\n" for part in parts)


def quote(name: str) -> str:
    """Return a name as SQL quotes it.

    Example:
        >>> quote('a"b')
        '"a""b"'
    """
    return '"' + name.replace('"', '""') + '"'


def _key(table: RuleTable) -> str | None:
    if table.primary_key is not None:
        return table.primary_key
    name = key_of(table)
    entry = table.field(name) if name in table.names else None
    whole = entry is not None and entry.nulls == 0.0 and entry.type in ("sequence", "uuid")
    return name if whole and entry is not None and "within" not in entry.options else None


def _type(kind: pa.DataType) -> str:
    return next((name for fits, name in _TYPES if fits(kind)), "TEXT")


def _literals(values: pa.Array) -> pa.Array:
    if pa.types.is_null(values.type):
        return pa.array(["NULL"] * len(values))
    text = values.cast(pa.string())
    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_boolean(values.type)):
        text = pc.binary_join_element_wise("'", pc.replace_substring(text, "'", "''"), "'", "")
    return text.fill_null("NULL")
