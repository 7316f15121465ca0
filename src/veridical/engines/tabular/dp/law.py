"""What of a schema may a private fit believe without looking at the data?

Names, kinds, roles and written forms of columns: the user's word. Categories, bounds, grid and gaps only of columns
declared `public: true`. Constraints only those a person or a database wrote; what was learned from rows is left out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from veridical.core.errors import ConstraintError, SchemaError
from veridical.core.schema import Column, Kind, Role, TableSchema
from veridical.prepare.storage import is_text

if TYPE_CHECKING:
    from veridical.engines.tabular.dp.private import Terms

_NOT_KEPT = frozenset({"fixed_combinations"})
_OF_KIND = {
    Kind.INTEGER: "int64", Kind.DECIMAL: "double", Kind.BOOLEAN: "bool", Kind.DATE: "date32[day]",
    Kind.DATETIME: "timestamp[us]",
}  # fmt: skip


def private_schema(schema: TableSchema, header: pa.Schema, terms: Terms) -> TableSchema:
    """Return a schema without anything that was learned from the data.

    Raises:
        SchemaError: a column is not in the data.
        ConstraintError: a user's constraint cannot be kept without looking at the data.
    """
    missing = [c.name for c in schema.columns if c.role is not Role.DROP and c.name not in header.names]
    if missing:
        raise SchemaError(f"the data lacks {', '.join(missing[:10])}", where=schema.name, fix="correct the schema")
    constraints = tuple(rule for rule in schema.constraints if rule.source != "learned")
    for rule in constraints:
        if rule.type in _NOT_KEPT:
            raise ConstraintError(
                f"{rule.type} would have to be read from the data",
                where=", ".join(rule.columns),
                fix="write it as a `conditional` or `forbidden` rule, which needs no look at the data",
            )
    columns = tuple(_stored(_believed(c, terms), header) for c in schema.columns)
    key = schema.primary_key if terms.declared else ()
    return replace(schema, columns=columns, constraints=constraints, primary_key=key, unit=terms.unit)


def _stored(column: Column, header: pa.Schema) -> Column:
    """Return a column with the type that the file's header states, or its kind's own, where nobody wrote one down."""
    if column.storage != "string" or column.role is Role.DROP or column.datetime_format or column.pattern:
        return column
    kind = header.field(column.name).type
    if pa.types.is_dictionary(kind) or pa.types.is_nested(kind) or is_text(kind):
        return replace(column, storage=_OF_KIND.get(column.kind, "string"))
    return replace(column, storage=str(kind))


def _believed(column: Column, terms: Terms) -> Column:
    if column.role is Role.CONTEXT:
        fix = "make it a modelled column, or drop it"
        raise SchemaError(
            "context columns are given from real rows, which no budget covers", where=column.name, fix=fix
        )
    if column.name == terms.unit or column.name in terms.keys:
        kind = column.kind if column.kind is Kind.PERSONAL else Kind.IDENTIFIER
        return replace(column, kind=kind, unique=False, nullable=False, low=None, high=None, categories=None)
    if column.public:
        return column
    if not terms.declared:
        return Column(name=column.name, kind=Kind.CATEGORY)  # nobody's word: the votes will say
    return replace(column, low=None, high=None, categories=None, step=None, decimals=None, reason="", confidence=1.0)
