"""What does a MySQL or MariaDB database declare?"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import Any

from veridical.connect.database import sqltype
from veridical.connect.database.address import MYSQL
from veridical.connect.database.structure import Check, Family, Index, Link, SqlColumn, SqlTable, Structure, Unique
from veridical.connect.database.token import tokens

_COLUMNS = """
SELECT table_name, column_name, column_type, is_nullable, column_default, extra, generation_expression
FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position"""
_KEYS = """
SELECT table_name, index_name, non_unique, column_name, sub_part FROM information_schema.statistics
WHERE table_schema = DATABASE() ORDER BY table_name, index_name, seq_in_index"""
_LINKS = """
SELECT k.table_name, k.constraint_name, k.column_name, k.referenced_table_name, k.referenced_column_name,
       r.update_rule, r.delete_rule
FROM information_schema.key_column_usage k JOIN information_schema.referential_constraints r
  ON r.constraint_schema = k.constraint_schema AND r.constraint_name = k.constraint_name AND r.table_name = k.table_name
WHERE k.table_schema = DATABASE() AND k.referenced_table_schema = DATABASE()
ORDER BY k.table_name, k.constraint_name, k.ordinal_position"""
_CHECKS = """
SELECT t.table_name, c.constraint_name, c.check_clause FROM information_schema.check_constraints c
JOIN information_schema.table_constraints t
  ON t.constraint_schema = c.constraint_schema AND t.constraint_name = c.constraint_name
WHERE c.constraint_schema = DATABASE() AND t.constraint_type = 'CHECK' {same} ORDER BY 1, 2"""
# MariaDB names unnamed conditions anew in each table, and says which table; MySQL's names are unique.
_TELLS_TABLE = """
SELECT count(*) FROM information_schema.columns WHERE table_schema = 'information_schema'
AND table_name = 'CHECK_CONSTRAINTS' AND column_name = 'TABLE_NAME'"""


def catalog(connection: Any, *, include_views: bool = False) -> Structure:
    """Return all that the database declares; CREATE TABLE statements are kept word for word."""
    kinds = dict(
        _rows(
            connection, "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = DATABASE()"
        )
    )
    columns: dict[str, list[SqlColumn]] = defaultdict(list)
    for table, *row in _rows(connection, _COLUMNS):
        columns[table].append(_column(*row))
    keys = _grouped(_rows(connection, _KEYS))
    links = _grouped(_rows(connection, _LINKS))
    same = "AND c.table_name = t.table_name" if _rows(connection, _TELLS_TABLE)[0][0] else ""
    checks = _grouped(_rows(connection, _CHECKS.format(same=same)))
    views = tuple(sorted(name for name, kind in kinds.items() if kind == "VIEW"))
    tables = []
    for name in sorted(name for name, kind in kinds.items() if kind != "VIEW"):
        written = str(_rows(connection, f"SHOW CREATE TABLE `{name.replace('`', '``')}`")[0][1])
        tables.append(_table(name, columns[name], keys[name], links[name], checks[name], written))
    if include_views:
        tables += [SqlTable(name=name, columns=tuple(columns[name]), is_view=True) for name in views]
    return Structure(dialect=MYSQL, tables=tuple(tables), views=views)


def _rows(connection: Any, query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [tuple(row) for row in cursor.fetchall()]


def _grouped(rows: list[tuple[Any, ...]]) -> dict[str, dict[str, list[tuple[Any, ...]]]]:
    found: dict[str, dict[str, list[tuple[Any, ...]]]] = defaultdict(lambda: defaultdict(list))
    for table, name, *rest in rows:
        found[table][name].append(tuple(rest))
    return found


def _column(name: str, kind: str, nullable: str, default: str | None, extra: str, generation: str | None) -> SqlColumn:
    labels = tuple(word.value for word in tokens(kind) if word.kind == "text") if kind.startswith("enum(") else ()
    extra = extra.lower()
    return SqlColumn(
        name=name, type=sqltype.read(kind, dialect=MYSQL, labels=labels), nullable=nullable == "YES", default=default,
        generated=generation or None if "generated" in extra and "default_generated" not in extra else None,
        stored="virtual" not in extra, identity="default" if "auto_increment" in extra else "",
    )  # fmt: skip


def _table(
    name: str,
    columns: list[SqlColumn],
    keys: dict[str, Any],
    links: dict[str, Any],
    checks: dict[str, Any],
    written: str,
) -> SqlTable:
    uniques, indexes, primary = [], [], ()
    # MariaDB keeps JSON as long text with this condition.
    texts = {label: _plain(rows[0][0]) for label, rows in checks.items()}
    jsons = {found[1] for text in texts.values() if (found := re.fullmatch(r"json_valid\(`(.+)`\)", text))}
    columns = [replace(c, type=replace(c.type, family=Family.JSON)) if c.name in jsons else c for c in columns]
    for index, rows in keys.items():
        names = tuple(row[1] for row in rows) if all(row[1] and row[2] is None for row in rows) else ()
        if index == "PRIMARY":
            primary = names
        elif not rows[0][0] and names:
            uniques.append(Unique(name=index, columns=names))
        else:
            indexes.append(Index(name=index, definition="", columns=names))
    return SqlTable(
        name=name, columns=tuple(columns), primary_key=primary, uniques=tuple(uniques), indexes=tuple(indexes),
        definition=re.sub(r" AUTO_INCREMENT=\d+", "", written),
        links=tuple(
            Link(
                name=label, columns=tuple(row[0] for row in rows), parent=rows[0][1],
                parent_columns=tuple(row[2] for row in rows),
                on_update=_action(rows[0][3]), on_delete=_action(rows[0][4]),
            )
            for label, rows in links.items()
        ),
        checks=tuple(
            Check(name=label, text=text) for label, text in texts.items() if not text.startswith("json_valid(")
        ),
    )  # fmt: skip


def _action(word: str) -> str:
    return "" if word in ("NO ACTION", "RESTRICT") else word


def _plain(clause: str) -> str:
    # Texts come back with their character set in front: _utf8mb4'a' (quotes escaped by the server).
    return re.sub(r"_[a-z0-9]+\\?'", "'", clause).replace("\\'", "'")
