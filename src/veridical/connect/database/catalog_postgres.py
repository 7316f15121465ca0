"""What does a PostgreSQL database declare, in the schema that the connection looks in first?"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import Any

from veridical.connect.database import beside_postgres, sqltype
from veridical.connect.database.address import POSTGRES
from veridical.connect.database.naming import quoted
from veridical.connect.database.parting import whole_of
from veridical.connect.database.structure import (
    Check,
    Index,
    Link,
    SqlColumn,
    SqlTable,
    SqlType,
    Structure,
    Unique,
)
from veridical.core.errors import DataError

_HERE = "n.nspname = current_schema()"
_COLUMNS = f"""
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid, true),
       a.attidentity::text, a.attgenerated::text, t.typtype::text, t.oid, c.relpersistence::text,
       CASE WHEN a.attcollation <> t.typcollation THEN o.collname END
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
LEFT JOIN pg_collation o ON o.oid = a.attcollation
WHERE {_HERE} AND c.relkind::text = ANY(%s) AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum"""
_CONSTRAINTS = f"""
SELECT c.relname, k.conname, k.contype::text, pg_get_constraintdef(k.oid), p.relname, k.confupdtype::text,
       k.confdeltype::text, k.condeferrable, k.condeferred,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, i)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.i),
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, i)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.i),
       pg_get_expr(k.conbin, k.conrelid), q.nspname = current_schema()
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class p ON p.oid = k.confrelid LEFT JOIN pg_namespace q ON q.oid = p.relnamespace
WHERE {_HERE} AND k.conparentid = 0 ORDER BY c.relname, k.conname"""
_INDEXES = f"""
SELECT c.relname, i.relname, pg_get_indexdef(x.indexrelid, 0, true), x.indisunique, x.indpred IS NOT NULL,
       x.indexprs IS NOT NULL,
       ARRAY(SELECT a.attname::text FROM unnest(x.indkey::int[]) WITH ORDINALITY u(n, i)
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.n WHERE u.i <= x.indnkeyatts ORDER BY u.i)
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE {_HERE} AND NOT c.relispartition AND c.relkind IN ('r', 'p')
  AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY c.relname, i.relname"""
_ENUMS = """
SELECT t.oid, t.typname, array_agg(e.enumlabel::text ORDER BY e.enumsortorder), n.nspname = current_schema()
FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid JOIN pg_namespace n ON n.oid = t.typnamespace
GROUP BY 1, 2, 4 ORDER BY t.typname"""
_DOMAINS = """
SELECT t.oid, t.typname, format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
       ARRAY(SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k
             WHERE k.contypid = t.oid AND k.contype = 'c' ORDER BY k.conname),
       ARRAY(SELECT k.conname::text FROM pg_constraint k
             WHERE k.contypid = t.oid AND k.contype = 'c' ORDER BY k.conname), t.typbasetype
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'd' AND n.nspname = current_schema() ORDER BY t.oid"""
_SEQUENCES = f"""
SELECT c.relname, format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
       d.deptype::text, t.relname, a.attname
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend d ON d.objid = c.oid AND d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
     AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
LEFT JOIN pg_class t ON t.oid = d.refobjid LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE {_HERE} ORDER BY c.relname"""
_ACTIONS = {"a": "", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
Rows = list[tuple[Any, ...]]


def catalog(connection: Any, *, include_views: bool = False) -> Structure:
    """Return all that the schema declares; definitions are in the server's own words.

    Raises:
        DataError: the schema that the connection looks in does not exist.
    """
    if connection.execute("SELECT current_schema()").fetchone()[0] is None:
        fix = "end the URL with ?options=-csearch_path%3DNAME"
        raise DataError("the connection looks in no schema", where=POSTGRES, fix=fix)
    enums = {row[0]: (str(row[1]), tuple(row[2]), bool(row[3])) for row in _rows(connection, _ENUMS)}
    domains = {row[0]: row for row in _rows(connection, _DOMAINS)}
    kinds = ["r", "p", *(["v", "m"] if include_views else [])]
    columns: dict[str, list[SqlColumn]] = defaultdict(list)
    domain_checks: dict[str, list[Check]] = defaultdict(list)
    unlogged = set()
    options = _identity_options(connection)
    for row in _rows(connection, _COLUMNS, [kinds]):
        column = replace(_column(row, enums, domains), identity_options=options.get((row[0], row[1]), ""))
        unlogged |= {row[0]} if row[9] == "u" else set()
        columns[row[0]].append(column)
        domain_checks[row[0]] += _domain_checks(column, domains.get(row[8]))
    views = tuple(_names(connection, ["v", "m"]))
    constraints = _rows(connection, _CONSTRAINTS)
    notes = [
        f"{row[0]}: the link {row[1]} leads to another schema, and is left out"
        for row in constraints if row[2] == "f" and not row[12]
    ]  # fmt: skip
    tables = _tables(columns, constraints, _rows(connection, _INDEXES), domain_checks, set(views))
    divided = beside_postgres.partitions(connection)
    tables = tuple(_divided(replace(t, is_unlogged=t.name in unlogged), divided.get(t.name)) for t in tables)
    before, after = _surroundings(connection, enums, domains)
    extras = (*beside_postgres.views(connection), *beside_postgres.comments(connection))
    return Structure(
        dialect=POSTGRES, tables=tables, before=tuple(before), after=tuple(after), views=views,
        notes=(*_notes(connection), *notes), functions=beside_postgres.functions(connection), extras=extras,
    )  # fmt: skip


def _divided(table: SqlTable, told: tuple[str, tuple[str, ...], tuple[str, ...]] | None) -> SqlTable:
    """A table with its parts; what they ask of rows together is a condition like any other."""
    if told is None:
        return table
    key, parts, bounds = told
    table = replace(table, tail=f"PARTITION BY {key}", parts=parts)
    if not bounds or not all(bounds) or "satisfies_hash_partition" in bounds[0]:
        return table
    text = whole_of(bounds, table.names)
    return replace(table, checks=(*table.checks, Check(name=f"{table.name} partitions", text=text)))


def _identity_options(connection: Any) -> dict[tuple[str, str], str]:
    """The options of identity columns' sequences that are not the usual ones."""
    found = {}
    for _, _, start, step, low, _, cache, cycle, owned, table, column in _rows(connection, _SEQUENCES):
        if owned == "i" and (start, step, low, cache, cycle) != (1, 1, 1, 1, False):
            cycling = " CYCLE" if cycle else ""
            told = f"START WITH {start} INCREMENT BY {step} MINVALUE {low} CACHE {cache}{cycling}"
            found[table, column] = told
    return found


def _rows(connection: Any, query: str, parameters: list[Any] | None = None) -> Rows:
    found: Rows = connection.execute(query, parameters).fetchall()
    return found


def _names(connection: Any, kinds: list[str]) -> list[str]:
    query = (
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE {_HERE} AND c.relkind::text = ANY(%s) ORDER BY 1"
    )
    return [str(row[0]) for row in _rows(connection, query, [kinds])]


def _column(row: tuple[Any, ...], enums: dict[int, Any], domains: dict[int, Any]) -> SqlColumn:
    _, name, spelled, required, default, identity, generated, kind, oid, _, collation = row
    told = _type(spelled, kind, oid, enums, domains)
    domain_required = kind == "d" and oid in domains and bool(domains[oid][3])
    serial = "serial" if default and not generated and default.startswith("nextval(") else ""
    return SqlColumn(
        name=name, type=told, nullable=not (required or domain_required), default=None if generated else default,
        generated=default if generated else None, collation=collation,
        required_by_type=domain_required and not required,
        identity={"a": "always", "d": "default"}.get(identity, serial),
    )  # fmt: skip


def _type(spelled: str, kind: str, oid: int, enums: dict[int, Any], domains: dict[int, Any]) -> SqlType:
    if kind == "e" and oid in enums:
        return sqltype.read(spelled, dialect=POSTGRES, labels=enums[oid][1])
    if kind == "d" and oid in domains:
        base = domains[oid]
        labels = enums[base[7]][1] if base[7] in enums else ()
        return replace(sqltype.read(base[2], dialect=POSTGRES, labels=labels), domain=spelled)
    return sqltype.read(spelled, dialect=POSTGRES)


def _domain_checks(column: SqlColumn, domain: tuple[Any, ...] | None) -> list[Check]:
    if domain is None:
        return []
    found = []
    for definition, name in zip(domain[5], domain[6], strict=True):
        text = _inner(definition)
        # VALUE stands for the column; `definition` stays empty, since the domain's own statement makes it.
        found.append(Check(name=name, text=re.sub(r"\bVALUE\b", lambda _: quoted(column.name), text), definition=""))
    return found


def _inner(definition: str) -> str:
    start = definition.index("(")
    return definition[start + 1 : definition.rindex(")")]


def _tables(
    columns: dict[str, list[SqlColumn]], constraints: Rows, indexes: Rows, domain_checks: dict[str, list[Check]],
    views: set[str],
) -> tuple[SqlTable, ...]:  # fmt: skip
    by_table: dict[str, Rows] = defaultdict(list)
    for row in constraints:
        by_table[row[0]].append(row)
    indexed: dict[str, list[Index]] = defaultdict(list)
    for table, name, definition, unique, partial, expressions, names in indexes:
        plain = () if expressions else tuple(names)
        definition = definition.replace(" ON ONLY ", " ON ", 1)  # of a divided table, with its parts
        indexed[table].append(Index(name=name, definition=definition, columns=plain, unique=unique, partial=partial))
    return tuple(
        _table(name, tuple(found), by_table[name], indexed[name], domain_checks[name], is_view=name in views)
        for name, found in columns.items()
    )


def _table(
    name: str, columns: tuple[SqlColumn, ...], rows: Rows, indexes: list[Index], checks: list[Check], *, is_view: bool
) -> SqlTable:
    key = next((row for row in rows if row[2] == "p"), None)
    return SqlTable(
        name=name, columns=columns, primary_key=tuple(key[9]) if key else (), primary_key_name=key[1] if key else "",
        primary_key_definition=key[3] if key else "",
        uniques=tuple(
            Unique(name=row[1], columns=tuple(row[9]), definition=row[3], nulls_equal="NULLS NOT DISTINCT" in row[3])
            for row in rows if row[2] == "u"
        ),
        checks=(*(Check(name=row[1], text=row[11], definition=row[3]) for row in rows if row[2] == "c"), *checks),
        links=tuple(_link(row) for row in rows if row[2] == "f" and row[12]),
        indexes=tuple(indexes), is_view=is_view,
        others=tuple(f"CONSTRAINT {quoted(row[1])} {row[3]}" for row in rows if row[2] == "x"),
    )  # fmt: skip


def _link(row: tuple[Any, ...]) -> Link:
    return Link(
        name=row[1], columns=tuple(row[9]), parent=row[4], parent_columns=tuple(row[10]), definition=row[3],
        on_update=_ACTIONS.get(row[5], ""), on_delete=_ACTIONS.get(row[6], ""),
        defer="deferred" if row[8] else "deferrable" if row[7] else "",
    )  # fmt: skip


def _surroundings(connection: Any, enums: dict[int, Any], domains: dict[int, Any]) -> tuple[list[str], list[str]]:
    """What tables need before they are made, and what can only be said after."""
    before = [f"CREATE EXTENSION IF NOT EXISTS {quoted(str(row[0]))}" for row in _rows(connection, _EXTENSIONS)]
    for name, labels, here in enums.values():
        if here:
            listed = ", ".join("'" + label.replace("'", "''") + "'" for label in labels)
            before.append(f"CREATE TYPE {quoted(name)} AS ENUM ({listed})")
    for _, name, base, required, default, checks, names, _ in domains.values():
        parts = [f"CREATE DOMAIN {quoted(name)} AS {base}"]
        parts += [f"DEFAULT {default}"] if default else []
        parts += ["NOT NULL"] if required else []
        parts += [f"CONSTRAINT {quoted(label)} {check}" for label, check in zip(names, checks, strict=True)]
        before.append(" ".join(parts))
    after = []
    for row in _rows(connection, _SEQUENCES):
        name, kind, start, step, low, high, cache, cycle, owned, table, column = row
        if owned == "i":
            continue  # an identity column's own
        before.append(
            f"CREATE SEQUENCE {quoted(name)} AS {kind} INCREMENT BY {step} MINVALUE {low} MAXVALUE {high} "
            f"START WITH {start} CACHE {cache}{' CYCLE' if cycle else ''}"
        )
        if owned == "a":
            after.append(f"ALTER SEQUENCE {quoted(name)} OWNED BY {quoted(table)}.{quoted(column)}")
    return before, after


_EXTENSIONS = "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"
_NOT_COPIED = f"""
SELECT 'triggers', count(*) FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_HERE} AND NOT g.tgisinternal
UNION ALL SELECT 'row-level policies', count(*) FROM pg_policy g JOIN pg_class c ON c.oid = g.polrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_HERE}
UNION ALL SELECT 'tables without a column', count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE {_HERE} AND c.relkind = 'r' AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid
    AND a.attnum > 0 AND NOT a.attisdropped)"""
_ELSEWHERE = """
SELECT n.nspname, count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname <> current_schema() AND n.nspname NOT LIKE 'pg\\_%%'
  AND n.nspname <> 'information_schema' GROUP BY 1 ORDER BY 1"""


def _notes(connection: Any) -> list[str]:
    notes = [f"{count} {what} are not copied" for what, count in _rows(connection, _NOT_COPIED) if count]
    notes += [
        f"schema {name} holds {count} tables that are not read: ?options=-csearch_path%3D{name} reads them"
        for name, count in _rows(connection, _ELSEWHERE.replace("%%", "%"))
    ]
    return notes
