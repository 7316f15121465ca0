"""What does an engine get to learn from, and what turns its draws back?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from veridical.core.contracts import RunContext
from veridical.core.schema import Column, TableSchema
from veridical.prepare.formula import learn_formulas
from veridical.prepare.plan import check_columns, learn_codecs
from veridical.prepare.restore import Restore
from veridical.prepare.satisfiable import satisfiable, tightened


@dataclass(frozen=True, slots=True)
class Prepared:
    """A table of numbers and categories only, the columns in it, and how to get back.

    `columns` lists context columns first; they have role CONTEXT.
    """

    table: pa.Table
    columns: Sequence[Column]
    restore: Restore


def prepare(
    table: pa.Table, schema: TableSchema, *, rare_below: int, ctx: RunContext, narrow: bool = False
) -> Prepared:
    """Return what an engine learns of a table.

    Only int64, float64 and dictionary<int32, string> columns leave, with nulls; where `narrow`, whole numbers and
    indices in as few bytes as hold them. Keys, personal data and free text are
    left out and made up; columns that follow from others are left out and derived; a category carried by fewer than
    `rare_below` records is learned as a safer one.

    Raises:
        SchemaError: the schema disagrees with the data.
        ConstraintError: the schema's constraints cannot all be kept.

    Example:
        >>> from veridical.core.schema import Column, Kind, TableSchema
        >>> age = Column(name="age", kind=Kind.INTEGER, storage="int32")
        >>> key = Column(name="id", kind=Kind.IDENTIFIER, storage="int64")
        >>> people = pa.table({"age": pa.array(range(20, 40), pa.int32()), "id": range(20)})
        >>> ready = prepare(people, TableSchema(name="people", columns=(age, key)), rare_below=5, ctx=RunContext())
        >>> ready.table.column_names
        ['age']
    """
    check_columns(table, schema)
    satisfiable(schema)
    law = tightened(schema)
    ctx.progress("prepare", done=0, total=len(law.columns))
    codecs = learn_codecs(table, law, rare_below=rare_below)
    restore = Restore(law, codecs, learn_formulas(law))
    encoded = restore.encode(table, narrow=narrow)
    ctx.progress("prepare", done=len(law.columns), total=len(law.columns))
    columns = (*restore.context, *restore.modelled)
    return Prepared(encoded.select([column.name for column in columns]), columns, restore)
