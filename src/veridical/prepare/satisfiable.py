"""Can all constraints of a schema hold at once, and if not, which ones clash?

Ranges of numbers and dates, and sets of categories, are narrowed by one constraint after another until nothing
changes (interval and set propagation). A column left with nothing names the constraints that narrowed it. What is
found is a real clash; clashes between three or more columns in formulas may be found only when rows are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

from veridical.core.contracts import Allowed
from veridical.core.errors import ConstraintError, SpecError
from veridical.core.expression import Expression, parse
from veridical.core.restriction import intersect, is_empty, split
from veridical.core.schema import NUMERIC_KINDS, Constraint, TableSchema
from veridical.prepare.domain import (
    bounds_of,
    comparable,
    highest,
    is_number,
    is_on,
    lowest,
    of_kind,
    own_domain,
    own_words,
    range_words,
    spelled,
    tidied,
    without,
)
from veridical.prepare.formula import learn_formulas
from veridical.prepare.number import grid_of
from veridical.prepare.violation import row_rules

_MOST_ROUNDS = 200
_KNOWN = {
    "bounds": 1,
    "inequality": 2,
    "fixed_combinations": 2,
    "one_hot": 2,
    "unique": 1,
    "formula": 1,
    "conditional": 0,
    "forbidden": 0,
    "mutual_missing": 2,
}


@dataclass
class _Domains:
    """What each column may still hold, and which constraints said so."""

    schema: TableSchema
    allowed: dict[str, Allowed] = field(default_factory=dict)
    because: dict[str, list[str]] = field(default_factory=dict)

    def narrow(self, name: str, limits: Allowed, why: str) -> bool:
        """Narrow one column; say whether anything changed.

        Raises:
            ConstraintError: nothing is left.
        """
        now = self.allowed[name]
        then = tidied(intersect(now, limits), self.schema.column(name))
        if then == now:
            return False
        if why not in self.because[name]:
            self.because[name].append(why)
        if is_empty(then):
            reasons = "; ".join(self.because[name])
            raise ConstraintError(
                f"no value of `{name}` can satisfy all of: {reasons}",
                where=f"table {self.schema.name}",
                fix="drop or widen one of them",
            )
        self.allowed[name] = then
        return True


def satisfiable(schema: TableSchema, *, rows: int | None = None) -> None:
    """Raise when constraints clash; with `rows`, also when a unique column has fewer values than that.

    Raises:
        ConstraintError: the clash, in words.

    Example:
        >>> from veridical.core.schema import Column, Kind
        >>> age = Column(name="age", kind=Kind.INTEGER, low=0, high=17)
        >>> adult = Constraint(type="bounds", columns=("age",), low=18)
        >>> satisfiable(TableSchema(name="people", columns=(age,), constraints=(adult,)))
        Traceback (most recent call last):
        veridical.core.errors.ConstraintError: table people: no value of `age` can satisfy all of: ...
    """
    _check_shape(schema)
    learn_formulas(schema)  # a circle of formulas is named here
    row_rules(schema)  # so is an expression that cannot be read
    _check_circles(schema)
    domains = _propagated(schema)
    for rule in schema.constraints:
        if rule.type == "unique" and rows is not None:
            _check_room(rule, domains, rows)


def tightened(schema: TableSchema) -> TableSchema:
    """Return the schema with every numeric and temporal column's bounds narrowed to what its bounds rules say.

    Columns that are null together with one that never is are never null either.
    """
    columns = {column.name: column for column in schema.columns}
    for rule in schema.constraints:
        if rule.type != "bounds":
            continue
        column = columns[rule.columns[0]]
        own = Allowed(low=comparable(column.low, column), high=comparable(column.high, column), nulls=True)
        both = intersect(own, bounds_of(rule, column))
        unit = (grid_of(column) or 0.0) if column.kind in NUMERIC_KINDS else 0.0
        low = both.low + unit if both.low is not None and both.low_open and unit else both.low
        high = both.high - unit if both.high is not None and both.high_open and unit else both.high
        columns[column.name] = replace(column, low=spelled(low), high=spelled(high))
    for rule in schema.constraints:
        if rule.type == "mutual_missing" and not all(columns[name].nullable for name in rule.columns):
            columns |= {name: replace(columns[name], nullable=False) for name in rule.columns}
    return schema.with_columns(columns.values())


def _check_shape(schema: TableSchema) -> None:
    for rule in schema.constraints:
        if rule.type not in _KNOWN:
            raise ConstraintError(f"no constraint {rule.type!r}", where=schema.name, fix=f"use {', '.join(_KNOWN)}")
        unknown = [name for name in rule.columns if name not in schema.names]
        if unknown:
            raise ConstraintError(f"no column {', '.join(unknown)}", where=rule.type, fix="correct the name")
        if len(rule.columns) < _KNOWN[rule.type]:
            raise ConstraintError(f"names {len(rule.columns)} columns", where=rule.type, fix="name all its columns")
        needed = {"formula": rule.expression, "forbidden": rule.when, "conditional": rule.when and rule.then}
        if rule.type in needed and not needed[rule.type]:
            raise ConstraintError("lacks its expression", where=rule.type, fix="write one such as: age >= 18")


def _check_circles(schema: TableSchema) -> None:
    """Raise when strict inequalities run in a circle, such as a < b and b < a."""
    edges = [
        (low, high, rule)
        for rule in schema.constraints
        if rule.type == "inequality"
        for low, high in pairwise(rule.columns)
    ]
    above: dict[str, list[tuple[str, bool]]] = {}
    for low, high, rule in edges:
        above.setdefault(low, []).append((high, rule.strict))
    for low, high, rule in edges:
        if not rule.strict:
            continue
        seen, waiting = {high}, [high]
        while waiting:
            for following, _ in above.get(waiting.pop(), ()):
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)
        if low in seen:
            raise ConstraintError(
                f"`{low}` must be below `{high}`, and other inequalities say `{high}` is not above `{low}`",
                where=f"table {schema.name}",
                fix="drop one of the inequalities",
            )


def _propagated(schema: TableSchema) -> _Domains:
    domains = _Domains(schema)
    for column in schema.columns:
        domains.allowed[column.name] = Allowed(nulls=column.nullable)
        domains.because[column.name] = []
        domains.narrow(column.name, own_domain(column), own_words(column))
    for _ in range(_MOST_ROUNDS):
        if not sum(_apply(rule, domains) for rule in schema.constraints):
            break
    return domains


def _apply(rule: Constraint, domains: _Domains) -> bool:
    match rule.type:
        case "bounds":
            column = domains.schema.column(rule.columns[0])
            words = f"bounds {column.name}: {range_words(bounds_of(rule, column))}"
            return domains.narrow(column.name, bounds_of(rule, column), words)
        case "inequality":
            return sum(_order(low, high, rule, domains) for low, high in pairwise(rule.columns)) > 0
        case "forbidden":
            return _forbid(parse(rule.when or "", domains.schema.columns), f"forbidden: {rule.when}", domains)
        case "conditional":
            return _require(rule, domains)
        case "one_hot":
            return _one_hot(rule, domains)
    return False


def _order(low: str, high: str, rule: Constraint, domains: _Domains) -> bool:
    one, two = domains.allowed[low], domains.allowed[high]
    words = f"inequality {low} {'<' if rule.strict else '<='} {high}"
    changed = False
    floor, ceiling = lowest(one), highest(two)
    if floor is not None and not one.nulls and not two.nulls:
        changed |= domains.narrow(high, Allowed(low=floor, low_open=rule.strict or one.low_open), words)
    if ceiling is not None and not one.nulls and not two.nulls:
        changed |= domains.narrow(low, Allowed(high=ceiling, high_open=rule.strict or two.high_open), words)
    return changed


def _forbid(expression: Expression, words: str, domains: _Domains) -> bool:
    """Take away what is forbidden outright: a condition on one column, or all of whose other parts always hold."""
    limits, rest = split(expression)
    if rest is not None:
        return False
    open_parts = [name for name, allowed in limits.items() if not _always(domains, name, allowed)]
    if len(open_parts) > 1:
        return False
    if not open_parts:
        raise ConstraintError(f"{words} forbids every row", where=domains.schema.name, fix="drop or narrow it")
    name = open_parts[0]
    return domains.narrow(name, without(domains.allowed[name], limits[name], domains.schema.column(name)), words)


def _require(rule: Constraint, domains: _Domains) -> bool:
    when, rest = split(parse(rule.when or "", domains.schema.columns))
    then, others = split(parse(rule.then or "", domains.schema.columns))
    words = f"conditional {rule.when} -> {rule.then}"
    if rest is not None:
        return False
    if all(_always(domains, name, allowed) for name, allowed in when.items()):
        return sum(domains.narrow(name, _or_null(allowed, domains, name), words) for name, allowed in then.items()) > 0
    clash = any(
        is_empty(tidied(intersect(domains.allowed[name], _typed(allowed, domains, name)), domains.schema.column(name)))
        and not domains.allowed[name].nulls
        for name, allowed in then.items()
    )
    if clash and others is None and rule.when is not None:
        # `then` can never hold, so `when` never may.
        return _forbid(parse(rule.when, domains.schema.columns), words, domains)
    return False


def _one_hot(rule: Constraint, domains: _Domains) -> bool:
    on = [name for name in rule.columns if _only(domains, name, on=True)]
    off = [name for name in rule.columns if _only(domains, name, on=False)]
    if len(on) > 1 or len(off) == len(rule.columns):
        reasons = [why for name in (on or off) for why in domains.because[name]]
        raise ConstraintError(
            f"exactly one of {', '.join(rule.columns)} is on, but {'; '.join(reasons)}",
            where=domains.schema.name,
            fix="drop or widen one of them",
        )
    return False


def _only(domains: _Domains, name: str, *, on: bool) -> bool:
    allowed = domains.allowed[name]
    if allowed.nulls:
        return False
    if allowed.values is not None:
        return bool(allowed.values) and all(is_on(value) == on for value in allowed.values)
    return (is_number(allowed.low) and allowed.low > 0) if on else (is_number(allowed.high) and allowed.high < 1)


def _check_room(rule: Constraint, domains: _Domains, rows: int) -> None:
    room = 1
    for name in rule.columns:
        allowed, column = domains.allowed[name], domains.schema.column(name)
        if allowed.nulls:
            return
        if allowed.values is not None:
            room *= len(allowed.values)
        elif column.kind in NUMERIC_KINDS and allowed.low is not None and allowed.high is not None and grid_of(column):
            room *= int((allowed.high - allowed.low) / (grid_of(column) or 1.0) + 1e-9) + 1
        else:
            return
    if room < rows:
        raise ConstraintError(
            f"{rows:,} unique rows asked, {room:,} values fit",
            where=f"unique {', '.join(rule.columns)}",
            fix="widen the bounds, or ask for fewer rows",
        )


def _typed(allowed: Allowed, domains: _Domains, name: str) -> Allowed:
    column = domains.schema.column(name)
    try:
        values = None if allowed.values is None else tuple(of_kind(value, column) for value in allowed.values)
        return replace(
            allowed, values=values, low=comparable(allowed.low, column), high=comparable(allowed.high, column)
        )
    except (ConstraintError, SpecError):
        return Allowed(nulls=True)


def _or_null(allowed: Allowed, domains: _Domains, name: str) -> Allowed:
    # A comparison with null breaks no rule.
    return replace(_typed(allowed, domains, name), nulls=True)


def _always(domains: _Domains, name: str, allowed: Allowed) -> bool:
    """Say whether every value the column may hold is allowed."""
    now, asked = domains.allowed[name], _typed(allowed, domains, name)
    if now.nulls and not asked.nulls:
        return False
    return tidied(intersect(now, asked), domains.schema.column(name)) == now
