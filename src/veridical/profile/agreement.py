"""Does the data agree with a schema that a person may have edited?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.errors import SchemaError
from veridical.core.schema import NUMERIC_KINDS, TEMPORAL_KINDS, Column, Kind, Role, TableSchema
from veridical.profile import temporal
from veridical.profile.sample import numbers_for

SHOWN = 30


def check(table: pa.Table, schema: TableSchema) -> None:
    """Raise one error that names everything in which the table and its schema disagree; never a value.

    Categories and bounds may be narrower than the data (that is how a person limits what goes out); types,
    missing columns, nulls in columns that must have none, and doubled keys are disagreements.

    Example:
        >>> age = Column(name="age", kind=Kind.INTEGER, storage="int64")
        >>> check(pa.table({"age": ["x"]}), TableSchema(name="people", columns=(age,)))
        Traceback (most recent call last):
        veridical.core.errors.SchemaError: people.age: 1 value is no number (to mend: change its kind, or the data)

    Raises:
        SchemaError: there is at least one disagreement.
    """
    problems = list(_problems(table, schema))
    if not problems:
        return
    if len(problems) == 1:
        place, what, fix = problems[0]
        raise SchemaError(what, where=f"{schema.name}.{place}" if place else schema.name, fix=fix)
    lines = [f"  {place or schema.name}: {what} ({fix})" for place, what, fix in problems[:SHOWN]]
    more = f"\n  ... and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    raise SchemaError(f"the data disagrees in {len(problems)} places\n" + "\n".join(lines) + more, where=schema.name)


def _problems(table: pa.Table, schema: TableSchema) -> Iterator[tuple[str, str, str]]:
    there = set(table.column_names)
    for column in schema.columns:
        if column.role is Role.DROP:
            continue
        if column.name not in there:
            yield column.name, "the column is not in the data", "drop it from the schema, or give it"
        else:
            yield from ((column.name, what, fix) for what, fix in _of_column(table.column(column.name), column))
    for extra in sorted(there - set(schema.names)):
        yield extra, "the column is not in the schema", "add it there, or leave it out of the data"
    if schema.primary_key and set(schema.primary_key) <= there:
        rows = table.select(list(schema.primary_key)).group_by(list(schema.primary_key)).aggregate([]).num_rows
        if rows < table.num_rows:
            names = ", ".join(schema.primary_key)
            yield "", f"{table.num_rows - rows:,} rows repeat the primary key {names}", "choose another key"


def _of_column(cells: pa.ChunkedArray, column: Column) -> Iterator[tuple[str, str]]:
    nulls = cells.null_count
    if nulls and not column.nullable:
        yield f"{_count(nulls, 'value')} missing", "set nullable: true, or fill them"
    if column.unique and len(cells) - nulls > pc.count_distinct(cells, mode="only_valid").as_py():
        yield "values repeat, and unique is true", "set unique: false"
    if column.kind in NUMERIC_KINDS:
        yield from _number(cells, column)
    elif column.kind in TEMPORAL_KINDS:
        yield from _time(cells, column)
    elif column.categories is not None and len(cells) > nulls:
        texts = cells.cast(pa.string()) if not pa.types.is_nested(cells.type) else cells
        if (
            column.categories
            and not pc.any(pc.is_in(texts, value_set=pa.array(column.categories, pa.string()))).as_py()
        ):
            yield "no value is one of its categories", "list the categories as they are in the data"


def _number(cells: pa.ChunkedArray, column: Column) -> Iterator[tuple[str, str]]:
    kind = cells.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        wrong = len(cells) - cells.null_count
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            shaped = pc.match_substring_regex(cells, r"^\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?\s*$")
            wrong = int(pc.sum(pc.invert(shaped)).as_py() or 0)
        if wrong:
            yield f"{_count(wrong, 'value')} no number", "change its kind, or the data"
        return
    numbers = numbers_for(cells, column)
    if numbers is None:
        return
    if column.kind is Kind.INTEGER:
        broken = int(np.sum(numbers[~np.isnan(numbers)] % 1 != 0))
        if broken:
            yield f"{_count(broken, 'value')} not whole", "set kind: decimal"
    known = numbers[~np.isnan(numbers)]
    for bound, outside, word in ((column.low, np.less, "below low"), (column.high, np.greater, "above high")):
        if isinstance(bound, int | float) and len(known) and np.all(outside(known, bound)):
            yield f"every value is {word}", f"change {word.split()[1]}"


def _time(cells: pa.ChunkedArray, column: Column) -> Iterator[tuple[str, str]]:
    if pa.types.is_temporal(cells.type):
        return
    if not (pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)):
        yield f"stored as {cells.type}, which is no time", "change its kind"
    elif column.datetime_format is None:
        yield "text without a datetime_format", "give one, such as '%Y-%m-%d'"
    else:
        distinct = cells.unique().drop_null()
        if len(distinct) and temporal.parse(distinct, column.datetime_format) is None:
            yield f"some values do not read as {column.datetime_format}", "change datetime_format, or kind to category"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun} is" if number == 1 else f"{number:,} {noun}s are"
