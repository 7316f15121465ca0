"""Which constraints does an SQL condition put on the rows of a table?"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from veridical.connect.database import condition
from veridical.connect.database.structure import Check
from veridical.core.contracts import Allowed
from veridical.core.expression import Expression, parse, quote, spell
from veridical.core.restriction import conjuncts, split
from veridical.core.schema import CATEGORY_KINDS, NUMERIC_KINDS, TEMPORAL_KINDS, Column, Constraint, Kind

_STRICT = (ast.Lt, ast.Gt)
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a table's conditions come to: constraints, columns with the values they may hold, and what was not read."""

    constraints: tuple[Constraint, ...]
    columns: tuple[Column, ...]
    unread: tuple[str, ...]


def rules_of(checks: tuple[Check, ...], columns: tuple[Column, ...]) -> Rules:
    """Return what conditions say of a table's columns.

    Example:
        >>> price = Column(name="price", kind=Kind.DECIMAL, storage="double")
        >>> rules_of((Check(name="positive", text="price > 0"),), (price,)).constraints[0].low
        0
    """
    names = [column.name for column in columns]
    known = {column.name: column for column in columns}
    found: list[Constraint] = []
    unread = []
    for check in checks:
        read = condition.read(check.text, names)
        if read is None:
            unread.append(f"the condition {check.name or check.text[:60]!r} is kept by the database only")
            continue
        found += _rules(read, f"CHECK {check.name}".strip(), known)
    return Rules(tuple(found), tuple(known.values()), tuple(unread))


def _rules(read: Expression, reason: str, known: dict[str, Column]) -> Iterator[Constraint]:
    limits, rest = split(read)
    for name in _present(read):
        known[name] = replace(known[name], nullable=False)
    for name, allowed in limits.items():
        yield from _limited(name, allowed, reason, known)
    for part in [] if rest is None else conjuncts(rest.tree):
        yield _spanning(read.part(part), reason)


def _present(read: Expression) -> list[str]:
    """Return columns said to be not null, alone or beside other conditions."""
    alone = [split(read.part(part))[0] for part in conjuncts(read.tree)]
    return [name for limits in alone for name, allowed in limits.items() if _only_known(allowed)]


def _only_known(allowed: Allowed) -> bool:
    return allowed.low is None and allowed.high is None and allowed.values is None and not allowed.nulls


def _limited(name: str, allowed: Allowed, reason: str, known: dict[str, Column]) -> Iterator[Constraint]:
    column = known[name]
    if _only_known(allowed):
        return
    if allowed.values is not None:
        yield from _one_of(column, allowed, reason, known)
        return
    numeric = column.kind in NUMERIC_KINDS | TEMPORAL_KINDS | {Kind.IDENTIFIER}
    if not numeric:
        sides = [(allowed.low, ">" if allowed.low_open else ">="), (allowed.high, "<" if allowed.high_open else "<=")]
        text = " and ".join(f"{quote(name)} {sign} {value!r}" for value, sign in sides if value is not None)
        yield Constraint(type="forbidden", columns=(name,), when=f"not ({text})", source="database", reason=reason)
        return
    for low, high, strict in _halves(allowed):
        yield Constraint(
            type="bounds", columns=(name,), low=low, high=high, strict=strict, source="database", reason=reason
        )


def _halves(allowed: Allowed) -> list[tuple[Any, Any, bool]]:
    """One rule where both ends are open or both closed, else a rule for each end."""
    if allowed.low is None or allowed.high is None or allowed.low_open == allowed.high_open:
        return [(allowed.low, allowed.high, allowed.low_open or allowed.high_open)]
    return [(allowed.low, None, allowed.low_open), (None, allowed.high, allowed.high_open)]


def _one_of(column: Column, allowed: Allowed, reason: str, known: dict[str, Column]) -> Iterator[Constraint]:
    values = tuple(str(value).lower() if isinstance(value, bool) else str(value) for value in allowed.values or ())
    if values and (column.kind in CATEGORY_KINDS or column.kind in (Kind.TEXT, Kind.INTEGER, Kind.PERSONAL)):
        kept = values if column.categories is None else tuple(v for v in column.categories if v in values)
        kind = column.kind if column.kind in CATEGORY_KINDS else Kind.CATEGORY
        why = f"{column.reason}; {reason} lists its values"
        known[column.name] = replace(column, kind=kind, categories=kept, public=True, personal=None, reason=why)
    listed = ", ".join(repr(value) for value in allowed.values or ())
    tail = "," if len(allowed.values or ()) == 1 else ""
    text = f"{quote(column.name)} not in ({listed}{tail})"
    yield Constraint(type="forbidden", columns=(column.name,), when=text, source="database", reason=reason)


def _spanning(rest: Expression, reason: str) -> Constraint:
    tree = rest.tree
    ordered = _inequality(tree)
    if ordered is not None:
        low, high, strict = ordered
        return Constraint(type="inequality", columns=(low, high), strict=strict, source="database", reason=reason)
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.Or) and len(tree.values) == 2:
        when, then = (spell(value) for value in tree.values)
        return Constraint(
            type="conditional", columns=rest.columns, when=_negated(tree.values[0], when), then=then, source="database",
            reason=reason,
        )  # fmt: skip
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        text = spell(tree.operand)
        return Constraint(type="forbidden", columns=rest.columns, when=text, source="database", reason=reason)
    return Constraint(
        type="forbidden", columns=rest.columns, when=f"not ({spell(tree)})", source="database", reason=reason
    )


def _negated(tree: ast.expr, text: str) -> str:
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
        return spell(tree.operand)
    opposite = {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
    if isinstance(tree, ast.Compare) and len(tree.ops) == 1 and type(tree.ops[0]) in opposite:
        flipped = ast.Compare(left=tree.left, ops=[opposite[type(tree.ops[0])]()], comparators=tree.comparators)
        return spell(flipped)
    return f"not ({text})"


def _inequality(tree: ast.expr) -> tuple[str, str, bool] | None:
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or not isinstance(tree.ops[0], _ORDER):
        return None
    left, right = tree.left, tree.comparators[0]
    if not isinstance(left, ast.Name) or not isinstance(right, ast.Name):
        return None
    strict = isinstance(tree.ops[0], _STRICT)
    rising = isinstance(tree.ops[0], ast.Lt | ast.LtE)
    return (left.id, right.id, strict) if rising else (right.id, left.id, strict)


def formula_of(name: str, sql: str, names: tuple[str, ...]) -> Constraint | None:
    """Return the formula of a column that the database computes, or None when our language cannot say it."""
    read = condition.read(sql, names)
    if read is None:
        return None
    return Constraint(
        type="formula", columns=(name,), expression=spell(parse(read.text, names).tree), tolerance=0.01,
        source="database", reason="computed by the database",
    )  # fmt: skip
