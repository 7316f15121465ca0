"""Which rules speak of several tables, and which rows break them?

They are written in a table's own constraints, with columns of a parent as `Parent.column`, or, where several foreign
keys go to the same parent, as `key.column` by the name of the foreign key's first column (`payee.opened`):

    inequality    columns: [Customer.signed_up, ordered]      a child's value beside its parent's
    conditional, forbidden, formula                           may name the parent's columns in the same way
    total         columns: [total], expression: sum(Line.price * Line.quantity)   a parent's sum over its children
    at_most_one   columns: [customer_id], when: active == true   at most one row of that kind for each parent
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.errors import ConstraintError
from veridical.core.expression import parse
from veridical.core.schema import Column, Constraint, ForeignKey, Schema, TableSchema
from veridical.prepare.codec import whole
from veridical.prepare.link import Rows, point
from veridical.prepare.violation import rule_text

TOTAL, AT_MOST_ONE = "total", "at_most_one"
_SUM = re.compile(r"\s*sum\s*\((.*)\)\s*$", re.DOTALL | re.IGNORECASE)
_DOTTED = re.compile(r"[^\W\d]\w*\.[^\W\d]\w*")
Mask = NDArray[np.bool_]


def linked_rules(schema: Schema) -> Iterator[tuple[str, Constraint]]:
    """Yield the rules that speak of more than their own table's rows, with the table they stand at.

    Example:
        >>> rule = Constraint(type="at_most_one", columns=("of",), when="active == true")
        >>> table = TableSchema(name="t", columns=(), constraints=(rule,))
        >>> [name for name, _ in linked_rules(Schema(tables=(table,)))]
        ['t']
    """
    for table in schema.tables:
        for rule in table.constraints:
            if rule.type in (TOTAL, AT_MOST_ONE) or _qualified(rule, table):
                yield table.name, rule


def child_of(schema: Schema, table: str, rule: Constraint) -> tuple[ForeignKey, str]:
    """Return the link and the expression that a total sums over.

    Raises:
        ConstraintError: the rule is not sum(...) over columns of one child table.
    """
    found = _SUM.match(rule.expression or "")
    for link in schema.foreign_keys:
        if found is not None and link.parent == table and f"{link.table}." in found[1]:
            return link, found[1].replace(f"`{link.table}.", "`").replace(f"{link.table}.", "")
    raise ConstraintError(
        f"cannot be read: {rule.expression}", where=f"{table}: total", fix="write sum(Child.price * Child.quantity)"
    )


def totals(tables: Mapping[str, pa.Table], schema: Schema, table: str, rule: Constraint) -> NDArray[np.float64]:
    """Return for each row of a table the sum over its children."""
    link, text = child_of(schema, table, rule)
    pointed = point(tables, link)
    lines = parse(text, schema.table(link.table).columns).evaluate(tables[link.table])
    values = whole(lines).cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False)
    there = (pointed.rows >= 0) & (pointed.rows < pointed.present)
    sums = np.bincount(pointed.rows[there], weights=values[there], minlength=pointed.present)
    return sums.astype(np.float64)


def with_parents(tables: Mapping[str, pa.Table], schema: Schema, table: str, names: set[str]) -> pa.Table:
    """Return a table's rows with the columns of parents that are named `Parent.column`."""
    rows = tables[table]
    for name in sorted(names):
        link, column = _above(schema.foreign_keys, table, name)
        pointed = point(tables, link)
        places = np.where(pointed.rows >= pointed.present, -1, pointed.rows)
        values = whole(tables[link.parent][column]).take(pa.array(places, mask=places < 0))
        rows = rows.append_column(name, values)
    return rows


def broken_rows(tables: Mapping[str, pa.Table], schema: Schema, table: str, rule: Constraint) -> Mask:
    """Say for each row of the rule's table whether it breaks it.

    Raises:
        ConstraintError: the rule cannot be read.
    """
    own = schema.table(table)
    if rule.type == TOTAL:
        held = whole(tables[table][rule.columns[0]]).cast(pa.float64(), safe=False)
        apart = np.abs(held.to_numpy(zero_copy_only=False) - totals(tables, schema, table, rule))
        column = own.column(rule.columns[0])
        return np.nan_to_num(apart) > max(rule.tolerance, 0.5 * 10.0 ** -(column.decimals or 0)) + 1e-9
    if rule.type == AT_MOST_ONE:
        return surplus(tables[table], own, rule)
    names = _qualified(rule, own)
    columns = (*own.columns, *(column_above(schema, table, name) for name in sorted(names)))
    wide = TableSchema(name=table, columns=columns)
    text = rule_text(rule, wide)
    if text is None:
        return np.zeros(tables[table].num_rows, dtype=bool)
    kept = parse(text, columns).evaluate(with_parents(tables, schema, table, names))
    return ~np.asarray(pc.fill_null(whole(kept), True).to_numpy(zero_copy_only=False), dtype=bool)


def surplus(rows: pa.Table, schema: TableSchema, rule: Constraint) -> Mask:
    """Say which rows are one too many of their kind for their parent; the first one of each may stay."""
    kind = np.ones(rows.num_rows, dtype=bool)
    if rule.when is not None:
        told = parse(rule.when, schema.columns).evaluate(rows)
        kind = np.asarray(pc.fill_null(whole(told), False).to_numpy(zero_copy_only=False), dtype=bool)
    codes: Rows = np.zeros(rows.num_rows, dtype=np.int64)
    for name in rule.columns:
        own = whole(rows[name])
        kind &= own.is_valid().to_numpy(zero_copy_only=False)
        each = own.dictionary_encode("encode").indices.to_numpy(zero_copy_only=False).astype(np.int64)
        _, codes = np.unique(codes * (int(each.max(initial=0)) + 1) + each, return_inverse=True)
        codes = codes.ravel()
    places = np.flatnonzero(kind)
    _, first = np.unique(codes[places], return_index=True)
    found = kind.copy()
    found[places[first]] = False
    return found


def _qualified(rule: Constraint, table: TableSchema) -> set[str]:
    texts = [text for text in (rule.when, rule.then, rule.expression) if text is not None and rule.type != TOTAL]
    own = set(table.names)
    words = {word for text in texts for word in _DOTTED.findall(text)}
    return {name for name in (*rule.columns, *words) if "." in name and name not in own}


def name_above(schema: Schema, link: ForeignKey, column: str) -> str:
    """Return how a rule of a link's table names a column of the parent.

    Example:
        >>> ends = [ForeignKey(table="t", columns=(n,), parent="p", parent_columns=("id",)) for n in ("payer", "payee")]
        >>> schema = Schema(tables=(), foreign_keys=tuple(ends))
        >>> [name_above(schema, end, "opened") for end in ends]
        ['p.opened', 'payee.opened']
    """
    first = next(other for other in schema.foreign_keys if (other.table, other.parent) == (link.table, link.parent))
    return f"{link.parent if link == first else link.columns[0]}.{column}"


def seen_from(
    link: ForeignKey | None, links: Sequence[ForeignKey], table: TableSchema, rule: Constraint
) -> Constraint | None:
    """Return a rule with the columns of one link's parent as `Parent.column`; None when it speaks of another parent's.

    Raises:
        ConstraintError: no parent has what it names.
    """
    named = {name: _above(links, table.name, name) for name in sorted(_qualified(rule, table))}
    if any(above != link for above, _ in named.values()):
        return None
    new = {name: f"{above.parent}.{column}" for name, (above, column) in named.items()}

    def said(text: str | None) -> str | None:
        return None if text is None else _DOTTED.sub(lambda word: new.get(word[0], word[0]), text)

    columns = tuple(new.get(name, name) for name in rule.columns)
    return replace(rule, columns=columns, when=said(rule.when), then=said(rule.then), expression=said(rule.expression))


def _above(links: Sequence[ForeignKey], table: str, name: str) -> tuple[ForeignKey, str]:
    mine = [link for link in links if link.table == table]
    for said, link in [*((link.parent, link) for link in mine), *((link.columns[0], link) for link in mine)]:
        if name.startswith(f"{said}."):
            return link, name[len(said) + 1 :]
    raise ConstraintError(f"no parent has {name!r}", where=table, fix="name a column of a parent as Parent.column")


def column_above(schema: Schema, table: str, name: str) -> Column:
    """Return the column of a parent that a rule names, under the rule's name for it.

    Raises:
        ConstraintError: no parent has it.
    """
    link, column = _above(schema.foreign_keys, table, name)
    return replace(schema.table(link.parent).column(column), name=name)
