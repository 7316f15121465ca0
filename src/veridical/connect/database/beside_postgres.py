"""What stands beside the tables of a PostgreSQL schema: functions that conditions call, partitions, comments, views?"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from veridical.connect.database.naming import quoted

_HERE = "n.nspname = current_schema()"
# Functions that conditions, defaults, computed columns or indexes call; bodies of all others stay unread.
_FUNCTIONS = f"""
SELECT p.oid, p.proname, pg_get_functiondef(p.oid), n.nspname,
  EXISTS (SELECT 1 FROM pg_depend d WHERE d.refclassid = 'pg_proc'::regclass AND d.refobjid = p.oid
          AND d.classid IN ('pg_constraint'::regclass, 'pg_attrdef'::regclass, 'pg_class'::regclass))
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
WHERE {_HERE} AND p.prokind = 'f' AND l.lanname IN ('sql', 'plpgsql')
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY p.oid"""
_VIEWS = f"""
SELECT c.relname, c.relkind::text, pg_get_viewdef(c.oid, true) FROM pg_class c JOIN pg_namespace n
  ON n.oid = c.relnamespace WHERE {_HERE} AND c.relkind IN ('v', 'm')
  AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY c.oid"""
_COMMENTS = f"""
SELECT c.relname, a.attname, d.description FROM pg_description d JOIN pg_class c ON c.oid = d.objoid
JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid
WHERE d.classoid = 'pg_class'::regclass AND {_HERE} AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname, d.objsubid"""
_PARTITIONED = f"""
SELECT c.relname, pg_get_partkeydef(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_HERE} AND c.relkind = 'p'"""
_PARTITIONS = f"""
SELECT c.relname, p.relname, pg_get_expr(c.relpartbound, c.oid), pg_get_partition_constraintdef(c.oid)
FROM pg_class c JOIN pg_inherits h ON h.inhrelid = c.oid JOIN pg_class p ON p.oid = h.inhparent
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_HERE} AND c.relispartition AND c.relkind IN ('r', 'p')
ORDER BY c.oid"""
Rows = list[tuple[Any, ...]]


def functions(connection: Any) -> tuple[str, ...]:
    """Return the statements that make the functions which tables need, and those that these call."""
    found = _rows(connection, _FUNCTIONS)
    needed = {row[0] for row in found if row[4]}
    bodies = {row[0]: row[2] for row in found}
    while True:
        said = " ".join(bodies[oid] for oid in needed)
        called = {row[0] for row in found if re.search(rf"\b{re.escape(row[1])}\b", said)} - needed
        if not called:
            break
        needed |= called
    return tuple(_here(row[2], row[3], row[1]) for row in found if row[0] in needed)


def _here(definition: str, schema: str, name: str) -> str:
    """A definition without the name of its schema: it is made where the target looks first."""
    forms = [rf'"?{re.escape(schema)}"?\.(?="?{re.escape(name)}"?\()']
    return re.sub(forms[0], "", definition, count=1)


def views(connection: Any) -> tuple[str, ...]:
    """Return the statements that make the views, in the order in which they were made."""
    return tuple(
        f"CREATE {'MATERIALIZED ' if kind == 'm' else ''}VIEW {quoted(name)} AS {text.rstrip().removesuffix(';')}"
        for name, kind, text in _rows(connection, _VIEWS)
    )


def comments(connection: Any) -> tuple[str, ...]:
    """Return the statements that say what is said of tables and columns."""
    return tuple(
        f"COMMENT ON {'TABLE' if column is None else 'COLUMN'} {quoted(table)}"
        f"{'' if column is None else '.' + quoted(column)} IS '{text.replace(chr(39), chr(39) * 2)}'"
        for table, column, text in _rows(connection, _COMMENTS)
    )


def partitions(connection: Any) -> dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Return for each divided table how it is divided, its parts' statements, and what rows of each part must be."""
    keys = {str(name): str(key) for name, key in _rows(connection, _PARTITIONED)}
    parts: dict[str, list[str]] = defaultdict(list)
    bounds: dict[str, list[str]] = defaultdict(list)
    above: dict[str, str] = {}
    for name, parent, bound, condition in _rows(connection, _PARTITIONS):
        above[str(name)] = above.get(str(parent), str(parent))
        divided = f" PARTITION BY {keys[name]}" if name in keys else ""
        parts[above[name]].append(f"CREATE TABLE {quoted(name)} PARTITION OF {quoted(parent)} {bound}{divided}")
        if above[name] == parent:
            bounds[parent].append("" if bound == "DEFAULT" else str(condition or ""))
    return {name: (key, tuple(parts[name]), tuple(bounds[name])) for name, key in keys.items() if name not in above}


def _rows(connection: Any, query: str) -> Rows:
    found: Rows = connection.execute(query).fetchall()
    return found
