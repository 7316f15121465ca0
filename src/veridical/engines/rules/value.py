"""Which values does one declared field have in one stretch of rows?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical import fabricate
from veridical.core.errors import ConstraintError, SpecError
from veridical.core.expression import parse
from veridical.core.rng import derive, stream
from veridical.engines.rules import distribution, moment
from veridical.fabricate.draw import choose, permute
from veridical.fabricate.locale import slug
from veridical.spec.rules_table import FieldSpec
from veridical.spec.rules_type import DISTRIBUTIONS, template_parts

_AS: Mapping[str, pa.DataType] = {
    "integer": pa.int64(),
    "decimal": pa.float64(),
    "boolean": pa.bool_(),
    "text": pa.string(),
    "date": pa.date32(),
    "datetime": pa.timestamp("s"),
}


@dataclass
class Scope:
    """A stretch of rows of one table while its columns are made.

    `columns` are those made so far, `parent` those of the owner repeated for each row (named "owner.column"),
    `within` the row's number among its owner's rows, `other` gives another table whole.
    """

    table: str
    rows: int
    start_row: int
    seed: int
    block: int
    attempt: int = 0
    columns: dict[str, pa.Array] = field(default_factory=dict)
    parent: Mapping[str, pa.Array] = field(default_factory=dict)
    parent_name: str | None = None
    within: NDArray[np.int64] | None = None
    other: Callable[[str], pa.Table] | None = None
    people: dict[str | None, dict[str, pa.Array]] = field(default_factory=dict)
    picked: dict[str, pa.Array] = field(default_factory=dict)

    def rng(self, *path: str) -> np.random.Generator:
        """Return the random stream of one column of this stretch."""
        return stream(self.seed, "rules", self.table, *path, self.block, self.attempt)

    def table_of(self) -> pa.Table:
        """Return all that formulas may read."""
        return pa.table({**self.columns, **self.parent})


def make(entry: FieldSpec, scope: Scope, path: tuple[str, ...] = ()) -> pa.Array:
    """Return a field's values, shape (rows,).

    Raises:
        SpecError: a formula's types do not fit.
        ConstraintError: more unique values are asked than there are.
    """
    place = (*path, entry.name)
    values = fabricate.with_nulls(_values(entry, scope, place), entry.nulls, scope.rng(*place, "nulls"))
    if entry.name in scope.picked:
        # Where a key is null, so is all that is looked up through it.
        rows = scope.picked[entry.name]
        scope.picked[entry.name] = pc.if_else(values.is_null(), pa.scalar(None, rows.type), rows)
    return values


def _values(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:
    special = _SPECIAL.get(entry.type)
    if special is not None:
        return special(entry, scope, place)
    rng = scope.rng(*place)
    if entry.type in DISTRIBUTIONS:
        numbers = distribution.draw(entry.type, entry.options, scope.rows, rng)
        return pa.array(numbers.astype(np.int64) if entry.type in distribution.WHOLE else numbers)
    if entry.type.startswith("person."):
        return _person(entry, scope)
    return fabricate.column(
        entry.type,
        locale=entry.locale,
        rows=scope.rows,
        rng=rng,
        unique=entry.unique,
        pattern=entry.options.get("pattern"),
        start_row=scope.start_row,
        key=derive(scope.seed, "rules", scope.table, *place),
    )


def _person(entry: FieldSpec, scope: Scope) -> pa.Array:
    if entry.locale not in scope.people:
        scope.people[entry.locale] = fabricate.person(entry.locale, scope.rows, scope.rng("person", str(entry.locale)))
    return scope.people[entry.locale][entry.type.removeprefix("person.")]


def _integer(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:
    low, high = int(entry.options["low"]), int(entry.options["high"])
    if not entry.unique:
        return pa.array(scope.rng(*place).integers(low, high, size=scope.rows, endpoint=True))
    size = high - low + 1
    if scope.start_row + scope.rows > size:
        raise ConstraintError(
            f"{size} unique numbers do not reach for all rows",
            where=f"{scope.table}.{entry.name}",
            fix="widen low, high",
        )
    number = np.arange(scope.start_row, scope.start_row + scope.rows)
    return pa.array(low + permute(number, size, derive(scope.seed, "rules", scope.table, *place)))


def _decimal(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:
    options = {"decimals": 2, **entry.options}
    return pa.array(distribution.draw("uniform", options, scope.rows, scope.rng(*place)))


def _boolean(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:
    return pa.array(scope.rng(*place).random(scope.rows) < float(entry.options.get("p", 0.5)))


def _choice(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:
    values = entry.options["values"]
    rng = scope.rng(*place)
    if isinstance(values, Mapping):
        codes = choose(np.array(list(values.values()), dtype=np.float64), scope.rows, rng)
    else:
        codes = rng.integers(len(values), size=scope.rows)
    pool = list(values)
    alike = len({type(value) for value in pool if value is not None}) <= 1
    plain = pa.array(pool if alike else [None if value is None else str(value) for value in pool])
    return plain.take(pa.array(codes))


def _constant(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:  # noqa: ARG001
    return pa.repeat(pa.scalar(entry.options["value"]), scope.rows)


def _pattern(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:
    return fabricate.pattern(
        str(entry.options["pattern"]),
        scope.rows,
        rng=scope.rng(*place),
        unique=entry.unique,
        start_row=scope.start_row,
        key=derive(scope.seed, "rules", scope.table, *place),
    )


def _moment(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:
    base = entry.options.get("after")
    if base is None:
        made = moment.dates if entry.type == "date" else moment.datetimes
        return made(entry.options, scope.rows, scope.rng(*place))
    days = entry.options.get("days", 1)
    if isinstance(days, Mapping):
        inner = FieldSpec(name="days", type=str(days["type"]), options={k: v for k, v in days.items() if k != "type"})
        offset = make(inner, scope, place).cast(pa.float64()).to_numpy(zero_copy_only=False)
    else:
        offset = np.full(scope.rows, float(days))
    source = scope.columns[base] if base in scope.columns else scope.parent[base]
    return moment.later(source, np.nan_to_num(offset), whole_days=entry.type == "date")


def _sequence(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:  # noqa: ARG001
    start, step = int(entry.options.get("start", 1)), int(entry.options.get("step", 1))
    number = np.arange(scope.start_row, scope.start_row + scope.rows)
    if entry.options.get("within") is not None:
        if scope.within is None:
            raise SpecError("counts within a parent, and there is none", where=f"{scope.table}.{entry.name}")
        number = scope.within
    return pa.array(start + step * number)


def _formula(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:  # noqa: ARG001
    table = scope.table_of()
    try:
        values = parse(str(entry.options["expression"]), table.column_names).evaluate(table)
    except SpecError as wrong:
        said = f"{wrong.what} (in {wrong.where})"
        raise SpecError(said, where=f"{scope.table}.{entry.name}", fix=wrong.fix) from wrong
    decimals = entry.options.get("decimals")
    if decimals is not None:
        values = pc.round(values.cast(pa.float64()), ndigits=int(decimals))
    wanted = entry.options.get("as")
    if wanted is None:
        return values
    if str(wanted) not in _AS:
        raise SpecError(f"no type {wanted!r}", where=f"{scope.table}.{entry.name}", fix=f"use one of {', '.join(_AS)}")
    if wanted == "integer" and pa.types.is_floating(values.type):
        values = pc.round(values)
    return values.cast(_AS[str(wanted)])


def _template(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:  # noqa: ARG001
    parts: list[Any] = []
    for i, part in enumerate(template_parts(str(entry.options["template"]))):
        if i % 2 == 0:
            parts.append(part)
            continue
        values = scope.columns[part] if part in scope.columns else scope.parent[part]
        text = values.cast(pa.string())
        named = entry.options.get("plain") and pa.types.is_string(values.type)
        parts.append(_plain(text) if named else text)
    return pc.binary_join_element_wise(*parts, "")


def _plain(text: pa.Array) -> pa.Array:
    coded = text.dictionary_encode()
    return pa.array([slug(word) for word in coded.dictionary.to_pylist()], pa.string()).take(coded.indices)


def _case(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:
    table = scope.table_of()
    branches = [(condition, make(then, scope, (*place, str(i)))) for i, (condition, then) in enumerate(entry.cases)]
    last = None if entry.otherwise is None else make(entry.otherwise, scope, (*place, "otherwise"))
    kind = _common([values for _, values in branches] + ([] if last is None else [last]))
    result = pa.nulls(scope.rows, kind) if last is None else last.cast(kind)
    for condition, values in reversed(branches):
        holds = parse(condition, table.column_names).evaluate(table).fill_null(False)
        result = pc.if_else(holds, values.cast(kind), result)
    return result


def _common(arrays: list[pa.Array]) -> pa.DataType:
    kinds = {array.type for array in arrays if not pa.types.is_null(array.type)}
    if len(kinds) <= 1:
        return next(iter(kinds), pa.null())
    numeric = all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds)
    return pa.float64() if numeric else pa.string()


def _key(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:
    if scope.other is None:
        raise SpecError("no other table is at hand", where=f"{scope.table}.{entry.name}")
    other = scope.other(str(entry.options["table"]))
    skew = float(entry.options.get("skew", 0.0))
    point = scope.rng(*place).random(scope.rows) ** (1.0 + skew)
    rows = np.minimum((point * other.num_rows).astype(np.int64), other.num_rows - 1)
    scope.picked[entry.name] = pa.array(rows)
    return other[str(entry.options["column"])].combine_chunks().take(scope.picked[entry.name])


def _lookup(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:  # noqa: ARG001
    through = str(entry.options["through"])
    if scope.other is None or through not in scope.picked:
        raise SpecError("looks through a field that is no key", where=f"{scope.table}.{entry.name}")
    other = scope.other(str(entry.options["table"]))
    return other[str(entry.options["column"])].combine_chunks().take(scope.picked[through])


def _parent(entry: FieldSpec, scope: Scope, place: tuple[str, ...]) -> pa.Array:  # noqa: ARG001
    return scope.parent[f"{scope.parent_name}.{entry.options['column']}"]


_SPECIAL: Mapping[str, Callable[[FieldSpec, Scope, tuple[str, ...]], pa.Array]] = {
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
    "choice": _choice,
    "constant": _constant,
    "pattern": _pattern,
    "date": _moment,
    "datetime": _moment,
    "sequence": _sequence,
    "formula": _formula,
    "template": _template,
    "case": _case,
    "key": _key,
    "lookup": _lookup,
    "parent": _parent,
}
