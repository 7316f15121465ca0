"""Which limits does a condition set on single columns, and what is left that spans several?"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

from veridical.core.contracts import Allowed
from veridical.core.expression import Expression

ANY = Allowed(nulls=True)
_MIRRORED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE, ast.Eq: ast.Eq,
}  # fmt: skip


def split(expression: Expression) -> tuple[Mapping[str, Allowed], Expression | None]:
    """Return the limits on single columns, and the rest of the condition (None when nothing is left).

    A row satisfies the expression exactly when every column is within its limits and the rest is true.

    Example:
        >>> from veridical.core.expression import parse
        >>> limits, rest = split(parse("age >= 18 and sex in ('F', 'M') and age > hours", ["age", "sex", "hours"]))
        >>> limits["age"].low, limits["sex"].values, rest.text
        (18, ('F', 'M'), 'age > hours')
    """
    limits: dict[str, Allowed] = {}
    rest: list[ast.expr] = []
    for part in conjuncts(expression.tree):
        found = _limit(part)
        if found is None:
            rest.append(part)
        else:
            name, allowed = found
            limits[name] = intersect(limits.get(name, ANY), allowed)
    if not rest:
        return limits, None
    tree = rest[0] if len(rest) == 1 else ast.BoolOp(op=ast.And(), values=rest)
    return limits, expression.part(tree)


def conjuncts(tree: ast.expr) -> list[ast.expr]:
    """Return the parts that must all hold; chained comparisons are taken apart."""
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        return [part for value in tree.values for part in conjuncts(value)]
    if isinstance(tree, ast.Compare) and len(tree.ops) > 1:
        sides = [tree.left, *tree.comparators]
        return [
            ast.Compare(left=left, ops=[op], comparators=[right])
            for left, op, right in zip(sides, tree.ops, sides[1:], strict=False)
        ]
    return [tree]


def intersect(one: Allowed, two: Allowed) -> Allowed:
    """Return what both allow.

    Example:
        >>> intersect(Allowed(low=3), Allowed(low=5, high=9)) == Allowed(low=5, high=9)
        True
    """
    values = one.values if two.values is None else two.values
    if one.values is not None and two.values is not None:
        values = tuple(value for value in one.values if value in two.values)
    low, low_open = _tighter(one.low, one.low_open, two.low, two.low_open, sign=1)
    high, high_open = _tighter(one.high, one.high_open, two.high, two.high_open, sign=-1)
    nulls = one.nulls and two.nulls
    merged = Allowed(values=values, low=low, high=high, low_open=low_open, high_open=high_open, nulls=nulls)
    return replace(merged, values=tuple(v for v in values if _inside(v, merged))) if values is not None else merged


def is_empty(allowed: Allowed) -> bool:
    """Say whether nothing at all is allowed.

    Example:
        >>> is_empty(Allowed(low=3, high=2)), is_empty(Allowed(values=("a",)))
        (True, False)
    """
    if allowed.nulls:
        return False
    if allowed.values is not None:
        return not allowed.values
    if allowed.low is None or allowed.high is None:
        return False
    try:
        return bool(allowed.low > allowed.high) or (
            allowed.low == allowed.high and (allowed.low_open or allowed.high_open)
        )
    except TypeError:
        return False


def _tighter(one: Any, one_open: bool, two: Any, two_open: bool, *, sign: int) -> tuple[Any, bool]:
    if one is None or two is None:
        return (two, two_open) if one is None else (one, one_open)
    if one == two:
        return one, one_open or two_open
    try:
        first = one > two if sign > 0 else one < two
    except TypeError:
        first = str(one) > str(two) if sign > 0 else str(one) < str(two)
    return (one, one_open) if first else (two, two_open)


def _inside(value: Any, allowed: Allowed) -> bool:
    try:
        above = allowed.low is None or value > allowed.low or (value == allowed.low and not allowed.low_open)
        below = allowed.high is None or value < allowed.high or (value == allowed.high and not allowed.high_open)
    except TypeError:
        return True  # text beside numbers: the column decides when it reads both
    return bool(above and below)


def _limit(part: ast.expr) -> tuple[str, Allowed] | None:
    if isinstance(part, ast.Name):
        return part.id, Allowed(values=(True,))
    if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not) and isinstance(part.operand, ast.Name):
        return part.operand.id, Allowed(values=(False,))
    if isinstance(part, ast.BoolOp) and isinstance(part.op, ast.Or):
        return _union([_limit(value) for value in part.values])
    if not isinstance(part, ast.Compare) or len(part.ops) != 1:
        return None
    left, op, right = part.left, part.ops[0], part.comparators[0]
    if isinstance(right, ast.Name) and not isinstance(left, ast.Name) and type(op) in _MIRRORED:
        left, op, right = right, _MIRRORED[type(op)](), left
    if not isinstance(left, ast.Name):
        return None
    allowed = _in_list(op, right) if isinstance(right, ast.Tuple) else _compared(op, right)
    return None if allowed is None else (left.id, allowed)


def _in_list(op: ast.cmpop, right: ast.Tuple) -> Allowed | None:
    items = [_constant(item) for item in right.elts]
    if not isinstance(op, ast.In) or any(item is _NO_CONSTANT for item in items):
        return None
    return Allowed(values=tuple(item for item in items if item is not None), nulls=None in items)


def _compared(op: ast.cmpop, right: ast.expr) -> Allowed | None:
    value = _constant(right)
    if value is _NO_CONSTANT:
        return None
    match op:
        case ast.Is():
            return Allowed(values=(), nulls=True)
        case ast.IsNot():
            return Allowed()
        case _ if value is None:
            return Allowed(values=())  # a comparison with null is never true
        case ast.Eq():
            return Allowed(values=(value,))
        case ast.Lt() | ast.LtE():
            return Allowed(high=value, high_open=isinstance(op, ast.Lt))
        case ast.Gt() | ast.GtE():
            return Allowed(low=value, low_open=isinstance(op, ast.Gt))
    return None


_NO_CONSTANT: Any = object()


def _constant(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        value: Any = node.operand.value
        if isinstance(value, int | float) and isinstance(node.op, ast.USub | ast.UAdd):
            return -value if isinstance(node.op, ast.USub) else value
    return _NO_CONSTANT


def _union(found: list[tuple[str, Allowed] | None]) -> tuple[str, Allowed] | None:
    """Join "or"ed limits of one column, when they are sets of values (and null)."""
    kept = [item for item in found if item is not None]
    if len(kept) < len(found) or len({name for name, _ in kept}) != 1:
        return None
    if any(allowed.values is None for _, allowed in kept):
        return None
    both = reduce(
        lambda one, two: Allowed(values=(*(one.values or ()), *(two.values or ())), nulls=one.nulls or two.nulls),
        [allowed for _, allowed in kept],
    )
    return kept[0][0], replace(both, values=tuple(dict.fromkeys(both.values or ())))
