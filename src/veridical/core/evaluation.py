"""Which value does a parsed expression have for every row of a table?"""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.chunks import one_array
from veridical.core.errors import SpecError
from veridical.core.schema import TEMPORAL_KINDS, Column, Kind
from veridical.core.timetext import as_moments

# name: (fewest, most) arguments
FUNCTIONS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("abs", "floor", "ceil", "len", "lower", "upper", "log", "log10", "sqrt", "single"), (1, 1)),
    **dict.fromkeys(("year", "month", "day", "hour", "weekday"), (1, 1)),
    "round": (1, 2),
    "signif": (2, 2),
    "min": (2, 20),
    "max": (2, 20),
}
_COMPARE = {
    ast.Eq: pc.equal, ast.NotEq: pc.not_equal, ast.Lt: pc.less, ast.LtE: pc.less_equal,
    ast.Gt: pc.greater, ast.GtE: pc.greater_equal,
}  # fmt: skip
_DAY_US = 86_400_000_000
_STAMP = pa.timestamp("us")
Value = Any  # pa.Array, or pa.Scalar for a constant


def evaluate(tree: ast.expr, table: pa.Table, *, known: Mapping[str, Column], text: str) -> pa.Array:
    """Return one value a row.

    Raises:
        SpecError: the columns' types do not fit the expression.
    """
    try:
        value = _Evaluation(table, known)(tree)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, TypeError):
        raise SpecError(
            "the types do not fit: numbers go with numbers, dates with ISO dates in quotes, text with text",
            where=repr(text),
        ) from None
    if isinstance(value, pa.Scalar):
        value = pa.nulls(table.num_rows, value.type) if not value.is_valid else pa.repeat(value, table.num_rows)
    return value


def read_column(table: pa.Table, name: str, column: Column | None = None) -> pa.Array:
    """Return a column as expressions see it.

    Categories become text, decimals floats, durations seconds, NaN null; dates kept as text become timestamps when
    `column` tells their format.

    Raises:
        SpecError: the table has no such column.
    """
    if name not in table.column_names:
        raise SpecError(f"no column {name!r} in the table", fix=f"it has {', '.join(table.column_names[:20])}")
    array = one_array(table[name])
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if pa.types.is_decimal(kind):
        return array.cast(pa.float64(), safe=False)
    if pa.types.is_floating(kind):
        array = array.cast(pa.float64())
        return pc.if_else(pc.is_nan(array), pa.scalar(None, pa.float64()), array)
    if pa.types.is_unsigned_integer(kind):
        return array.cast(pa.int64(), safe=False)
    if pa.types.is_duration(kind):
        return pc.divide(array.cast(pa.int64()).cast(pa.float64(), safe=False), _PER_SECOND[kind.unit])
    if pa.types.is_large_string(kind) or str(kind) == "string_view":
        array = array.cast(pa.string())
    if pa.types.is_timestamp(kind) and kind.unit == "s":
        return array.cast(pa.timestamp("us", kind.tz))
    if column is not None and column.kind in TEMPORAL_KINDS and pa.types.is_string(array.type):
        return _read_dates(array, column)
    return array


_PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


def _read_dates(array: pa.Array, column: Column) -> pa.Array:
    if column.datetime_format is not None and column.kind is not Kind.TIME:
        return as_moments(array, column.datetime_format).cast(_STAMP)
    return array


class _Evaluation:
    """Walks one tree over one table; every method returns an Arrow array or scalar."""

    def __init__(self, table: pa.Table, known: Mapping[str, Column]) -> None:
        self._table = table
        self._known = known

    def __call__(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant():
                return _scalar(node.value)
            case ast.Name():
                return read_column(self._table, node.id, self._known.get(node.id))
            case ast.BoolOp():
                join = pc.and_kleene if isinstance(node.op, ast.And) else pc.or_kleene
                return reduce(join, [_truth(self(value)) for value in node.values])
            case ast.UnaryOp():
                if isinstance(node.op, ast.Not):
                    return pc.invert(_truth(self(node.operand)))
                value = _number(self(node.operand))
                return pc.negate(value) if isinstance(node.op, ast.USub) else value
            case ast.BinOp():
                return _arithmetic(node.op, self(node.left), self(node.right))
            case ast.IfExp():
                return self._choice(node)
            case ast.Compare():
                return self._compare(node)
            case ast.Call(func=ast.Name(id=name)):
                return _CALLS[name](*[self(argument) for argument in node.args])
        raise SpecError("this is not allowed in an expression", where=ast.unparse(node))

    def _choice(self, node: ast.IfExp) -> Value:
        test, body, other = _truth(self(node.test)), *_agree(self(node.body), self(node.orelse))
        # An unknown test takes the other branch, as SQL's CASE does.
        return pc.if_else(pc.fill_null(test, False), body, other)

    def _compare(self, node: ast.Compare) -> Value:
        results, left = [], node.left
        for op, right in zip(node.ops, node.comparators):
            results.append(self._one(op, left, right))
            left = right
        return reduce(pc.and_kleene, results)

    def _one(self, op: ast.cmpop, left: ast.expr, right: ast.expr) -> Value:
        if isinstance(op, ast.Is | ast.IsNot):
            null = pc.is_null(self(left))
            return null if isinstance(op, ast.Is) else pc.invert(null)
        if isinstance(op, ast.In | ast.NotIn) and isinstance(right, ast.Tuple):
            found = self._is_in(self(left), right.elts)
            return found if isinstance(op, ast.In) else pc.invert(found)
        ranks = None if isinstance(op, ast.Eq | ast.NotEq) else self._ranks(left, right)
        one, two = _agree(self(left), self(right)) if ranks is None else ranks
        return _COMPARE[type(op)](one, two)

    def _is_in(self, value: Value, items: Sequence[ast.expr]) -> Value:
        found: Value = pa.scalar(False)
        wants_null = False
        for item in items:
            constant = self(item)
            if not constant.is_valid:
                wants_null = True
                continue
            try:
                found = pc.or_kleene(found, pc.equal(*_agree(value, constant)))
            except pa.ArrowInvalid:
                continue  # 'yes' among numbers is simply not one of them
        # A null listed by name is meant: `x in ('a', null)` holds for null.
        unknown = pa.scalar(wants_null or None, pa.bool_())
        return pc.if_else(pc.is_null(value), unknown, found)

    def _ranks(self, left: ast.expr, right: ast.expr) -> tuple[Value, Value] | None:
        """Return both sides as ranks when an ordinal column meets one of its categories, or another of the same."""
        sides = [self._known.get(side.id) if isinstance(side, ast.Name) else None for side in (left, right)]
        ranked = [side for side in sides if side is not None and side.kind is Kind.ORDINAL]
        ordered = [side.categories for side in ranked if side.categories]
        if not ordered or any(one != ordered[0] for one in ordered):
            return None
        order = pa.array(ordered[0])
        values = [self(left), self(right)]
        if not all(pa.types.is_string(value.type) for value in values):
            return None
        one, two = (pc.index_in(value, value_set=order) for value in values)
        return one, two


def _scalar(value: Any) -> pa.Scalar:
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        value = float(value)
    return pa.scalar(value)


def _truth(value: Value) -> Value:
    if pa.types.is_null(value.type):
        return value.cast(pa.bool_())
    if pa.types.is_boolean(value.type):
        return value
    return pc.not_equal(_number(value), 0)


def _number(value: Value) -> Value:
    if pa.types.is_boolean(value.type):
        return value.cast(pa.int8()).cast(pa.int64())
    if pa.types.is_null(value.type):
        return value.cast(pa.float64())
    if pa.types.is_integer(value.type) or pa.types.is_floating(value.type):
        return value
    if pa.types.is_string(value.type):
        return value.cast(pa.float64())
    raise TypeError("a number was expected")


def _agree(left: Value, right: Value) -> tuple[Value, Value]:
    """Return both sides in one type in which they may be compared."""
    one, two = left.type, right.type
    if one == two:
        return left, right
    if pa.types.is_null(one) or pa.types.is_null(two):
        return (left.cast(two), right) if pa.types.is_null(one) else (left, right.cast(one))
    if _is_temporal(one) or _is_temporal(two):
        return _as_temporal(left, right), _as_temporal(right, left)
    if pa.types.is_string(one) and pa.types.is_string(two):
        return left, right
    if pa.types.is_string(one) or pa.types.is_string(two):
        return _agree_with_text(left, right) if pa.types.is_string(one) else _agree_with_text(right, left)[::-1]
    return _number(left), _number(right)


def _agree_with_text(text: Value, other: Value) -> tuple[Value, Value]:
    # The constant follows the column: '1' beside numbers is a number, 1 beside text is text.
    if pa.types.is_boolean(other.type):
        if isinstance(text, pa.Scalar):
            return pa.scalar(str(text.as_py()).strip().lower() in ("true", "1", "yes", "t", "y")), other
        return pc.utf8_lower(text), pc.utf8_lower(other.cast(pa.string()))
    if isinstance(other, pa.Scalar) and not isinstance(text, pa.Scalar):
        return text, pa.scalar(str(other.as_py()))
    return text.cast(pa.float64()), _number(other)


def _is_temporal(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind)


def _as_temporal(value: Value, other: Value) -> Value:
    if pa.types.is_time(value.type) or pa.types.is_time(other.type):
        if isinstance(value, pa.Scalar) and pa.types.is_string(value.type):
            return _parsed(value, lambda text: dt.time.fromisoformat(text), pa.time64("us"))
        return value.cast(pa.time64("us"))
    zone = value.type.tz if pa.types.is_timestamp(value.type) else None
    other_zone = other.type.tz if pa.types.is_timestamp(other.type) else None
    if pa.types.is_string(value.type):
        if not isinstance(value, pa.Scalar):
            value = value.cast(_STAMP)
            return value if other_zone is None else pc.assume_timezone(value, other_zone)
        return _parsed(value, lambda text: _moment(text, other_zone), pa.timestamp("us", other_zone))
    if pa.types.is_date(value.type):
        value = value.cast(_STAMP)
    if not pa.types.is_timestamp(value.type):
        raise TypeError("a date was expected")
    if zone is None and other_zone is not None:
        return pc.assume_timezone(value.cast(_STAMP, safe=False), other_zone)
    return value.cast(pa.timestamp("us", zone), safe=False)


def _moment(text: str, zone: str | None) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    if zone is not None and moment.tzinfo is None:
        # Localised by Arrow, so that zone names mean the same on both sides.
        return pc.assume_timezone(pa.scalar(moment, _STAMP), zone, ambiguous="earliest", nonexistent="earliest").as_py()
    if zone is None and moment.tzinfo is not None:
        return moment.astimezone(dt.UTC).replace(tzinfo=None)
    return moment


def _parsed(value: pa.Scalar, read: Callable[[str], Any], kind: pa.DataType) -> pa.Scalar:
    try:
        return pa.scalar(read(value.as_py()), kind)
    except ValueError:
        raise SpecError(f"{value.as_py()!r} is no ISO date or time", fix="write dates as '2024-01-31'") from None


def _arithmetic(op: ast.operator, left: Value, right: Value) -> Value:
    if _is_temporal(left.type) or _is_temporal(right.type):
        return _temporal_arithmetic(op, left, right)
    if isinstance(op, ast.Add) and pa.types.is_string(left.type) and pa.types.is_string(right.type):
        return pc.binary_join_element_wise(left, right, "")
    one, two = _number(left), _number(right)
    if isinstance(op, ast.Add | ast.Sub | ast.Mult):
        exact, wide = _SUMS[type(op)]
        try:
            return exact(one, two)
        except pa.ArrowInvalid:  # overflow of 64 bits
            return wide(one.cast(pa.float64(), safe=False), two.cast(pa.float64(), safe=False))
    if isinstance(op, ast.Div):
        one, two = one.cast(pa.float64(), safe=False), two.cast(pa.float64(), safe=False)
    divisor = pc.if_else(pc.equal(two, 0), pa.scalar(None, two.type), two)  # division by zero is unknown
    if isinstance(op, ast.Div):
        return pc.divide(one, divisor)
    floor = _floor_divide(one, divisor)
    return floor if isinstance(op, ast.FloorDiv) else pc.subtract(one, pc.multiply(floor, divisor))


_SUMS = {
    ast.Add: (pc.add_checked, pc.add),
    ast.Sub: (pc.subtract_checked, pc.subtract),
    ast.Mult: (pc.multiply_checked, pc.multiply),
}


def _floor_divide(one: Value, two: Value) -> Value:
    if not (pa.types.is_integer(one.type) and pa.types.is_integer(two.type)):
        return pc.floor(pc.divide(one.cast(pa.float64(), safe=False), two.cast(pa.float64(), safe=False)))
    whole = pc.divide(one, two)  # Arrow rounds towards zero, the language towards minus infinity
    rest = pc.subtract(one, pc.multiply(whole, two))
    below = pc.and_(pc.not_equal(rest, 0), pc.not_equal(pc.less(rest, 0), pc.less(two, 0)))
    return pc.subtract(whole, below.cast(pa.int64()))


def _temporal_arithmetic(op: ast.operator, left: Value, right: Value) -> Value:
    if isinstance(op, ast.Sub) and (_is_temporal(right.type) or pa.types.is_string(right.type)):
        one, two = _as_temporal(left, right), _as_temporal(right, left)
        if pa.types.is_time(one.type):
            return pc.divide(pc.subtract(one.cast(pa.int64()), two.cast(pa.int64())), float(_DAY_US))
        return pc.divide(pc.subtract(_micros(one), _micros(two)).cast(pa.float64()), float(_DAY_US))
    if isinstance(op, ast.Add | ast.Sub):
        stamp, days = (left, right) if _is_temporal(left.type) else (right, left)
        shift = pc.multiply(_number(days).cast(pa.float64()), float(_DAY_US)).cast(pa.int64(), safe=False)
        stamp = _as_temporal(stamp, stamp)
        moved = pc.add(_micros(stamp), shift) if isinstance(op, ast.Add) else pc.subtract(_micros(stamp), shift)
        return moved.cast(stamp.type)
    raise TypeError("dates can only be added to and subtracted")


def _micros(value: Value) -> Value:
    return value.cast(pa.int64())


def _as_moment(value: Value) -> Value:
    if pa.types.is_string(value.type):
        return value.cast(_STAMP)
    return value


def _least(*values: Value) -> Value:
    return reduce(lambda one, two: pc.min_element_wise(*_agree(one, two), skip_nulls=False), values)


def _greatest(*values: Value) -> Value:
    return reduce(lambda one, two: pc.max_element_wise(*_agree(one, two), skip_nulls=False), values)


def _round(value: Value, digits: Value | None = None) -> Value:
    return pc.round(_number(value), ndigits=0 if digits is None else int(digits.as_py()), round_mode="half_to_even")


def _log(function: Callable[[Value], Value], value: Value) -> Value:
    """Return a function of positive numbers (and of zero, for the root); null elsewhere."""
    number = _number(value).cast(pa.float64())
    found = function(pc.if_else(pc.less(number, 0), pa.scalar(None, pa.float64()), number))
    return pc.if_else(pc.is_finite(found), found, pa.scalar(None, pa.float64()))


def _significant(value: Value, digits: int) -> Value:
    """Return numbers of so many significant digits: exactly what is read from a text of as many."""
    if isinstance(value, pa.Scalar):
        return _significant(pa.array([value.as_py()], pa.float64()), digits)[0]
    texts = [None if number is None else float(f"{number:.{digits}g}") for number in value.to_pylist()]
    return pa.array(texts, pa.float64())


def _as_text(value: Value) -> Value:
    return value if pa.types.is_string(value.type) else value.cast(pa.string())


_CALLS: Mapping[str, Callable[..., Value]] = {
    "abs": lambda value: pc.abs(_number(value)),
    "floor": lambda value: pc.floor(_number(value)),
    "ceil": lambda value: pc.ceil(_number(value)),
    "round": _round,
    "log": lambda value: _log(pc.ln, value),
    "log10": lambda value: _log(pc.log10, value),
    "sqrt": lambda value: _log(pc.sqrt, value),
    "signif": lambda value, digits: _significant(_number(value), int(digits.as_py())),
    "single": lambda value: _number(value).cast(pa.float32(), safe=False).cast(pa.float64()),
    "min": _least,
    "max": _greatest,
    "len": lambda value: pc.utf8_length(_as_text(value)).cast(pa.int64()),
    "lower": lambda value: pc.utf8_lower(_as_text(value)),
    "upper": lambda value: pc.utf8_upper(_as_text(value)),
    "year": lambda value: pc.year(_as_moment(value)),
    "month": lambda value: pc.month(_as_moment(value)),
    "day": lambda value: pc.day(_as_moment(value)),
    "hour": lambda value: pc.hour(_as_moment(value)),
    "weekday": lambda value: pc.day_of_week(_as_moment(value)),
}
