"""How are all tables of a schema filled from declarations alone?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from veridical.connect.database.order import order_of
from veridical.connect.database.structure import Family, Link, SqlColumn, SqlTable, SqlType, Structure
from veridical.connect.database.trial import Trial
from veridical.core.contracts import Progress, silent
from veridical.core.dataset import Dataset
from veridical.core.errors import ConstraintError
from veridical.core.schema import ForeignKey, Schema, TableSchema
from veridical.engines.seed import across
from veridical.engines.seed.filling import Filling
from veridical.prepare.linked_check import check_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedRequest:
    """What is asked for: `rows` of each table, or of single ones in `rows_of`; same seed, same values.

    `edge_cases` puts the values at the edge of each column into the first rows: least and greatest, empty, long,
    other scripts, leap days, nulls.
    """

    rows: int = 100
    seed: int = 0
    edge_cases: bool = False
    locale: str | None = None
    rows_of: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seeded:
    """Made-up tables, and where fewer rows than asked could be made, and why."""

    dataset: Dataset
    notes: tuple[str, ...] = ()


def make(
    schema: Schema, request: SeedRequest, structure: Structure | None = None, *, trial: Trial | None = None,
    progress: Progress = silent,
) -> Seeded:  # fmt: skip
    """Return made-up rows for every table that keep all that the schema (and the structure) declares.

    Parents own differing numbers of rows, some none. Columns that a database computes are left out. A `trial` says
    which rows the database would refuse for a condition that cannot be read here.

    Raises:
        ConstraintError: the declarations leave no value, or contradict each other.

    Example:
        >>> from veridical.core.schema import Column, Kind
        >>> key = Column(name="id", kind=Kind.IDENTIFIER, storage="int64", unique=True)
        >>> mail = Column(name="email", kind=Kind.TEXT, storage="string")
        >>> schema = Schema(tables=(TableSchema(name="users", columns=(key, mail), primary_key=("id",)),))
        >>> make(schema, SeedRequest(rows=2)).dataset.only["id"].to_pylist()
        [1, 2]
    """
    check_rules(schema)
    _check_names(schema, request)
    declared = _skeleton(schema) if structure is None else structure
    tables = [declared.table(table.name) for table in schema.tables]
    order = order_of(tables)
    made: dict[str, Filling] = {}
    for position, name in enumerate(order.names):
        progress("seed", done=position, total=len(order.names))
        late = {link.columns for link in order.late.get(name, ())}
        links = [key for key in schema.foreign_keys if key.table == name]
        filling = Filling.of(
            schema.table(name), None if structure is None else declared.table(name), request, links,
            {table.name: table for table in schema.tables}, declared.dialect,
        )  # fmt: skip
        filling.trial = trial if structure is not None else None
        filling.everyone = across.full_parents(schema, name)
        filling.fill([link for link in links if link.columns not in late], made)
        made[name] = filling
    for name, closing in order.late.items():
        for link in closing:
            made[name].link_late(_key(schema, name, link), made)
    if request.edge_cases:
        for filling in made.values():
            filling.put_edges()
    notes = tuple(note for filling in made.values() for note in filling.notes)
    filled = {table.name: made[table.name].table() for table in schema.tables}
    return Seeded(Dataset(across.ruled(filled, schema, request.seed)), notes)


def _check_names(schema: Schema, request: SeedRequest) -> None:
    unknown = sorted(set(request.rows_of) - {table.name for table in schema.tables})
    if unknown:
        fix = f"the tables are {', '.join(table.name for table in schema.tables)}"
        raise ConstraintError(f"no table {', '.join(unknown)}", where="rows of tables", fix=fix)


def make_table(schema: TableSchema, request: SeedRequest) -> pa.Table:
    """Return made-up rows for one table by its schema alone.

    Raises:
        ConstraintError: the declarations leave no value, or contradict each other.
    """
    return make(Schema(tables=(schema,)), request).dataset.only


def _key(schema: Schema, name: str, link: Link) -> ForeignKey:
    for key in schema.foreign_keys:
        if (key.table, key.columns, key.parent) == (name, link.columns, link.parent):
            return key
    raise ConstraintError("a link of the database is missing in the schema", where=name, fix="learn the database again")


def _skeleton(schema: Schema) -> Structure:
    """The structure that a schema without a database has: keys and what may be null."""
    tables = []
    for table in schema.tables:
        columns = tuple(
            SqlColumn(name=c.name, type=SqlType(text="", family=Family.OTHER), nullable=c.nullable)
            for c in table.columns
        )
        links = tuple(
            Link(name="", columns=key.columns, parent=key.parent, parent_columns=key.parent_columns)
            for key in schema.foreign_keys if key.table == table.name
        )  # fmt: skip
        tables.append(SqlTable(name=table.name, columns=columns, primary_key=table.primary_key, links=links))
    return Structure(dialect="", tables=tuple(tables))


def overlaid(declared: Schema, given: Schema) -> Schema:
    """Return a database's schema with what a person wrote of its columns: meaning, ranges, categories, patterns.

    What the database enforces stays: keys, links, conditions, and columns that must not be null.

    Raises:
        ConstraintError: the person's schema names a table that the database lacks.
    """
    names = {table.name for table in declared.tables}
    unknown = [table.name for table in given.tables if table.name not in names]
    if unknown:
        raise ConstraintError(
            f"no table {', '.join(unknown)}", where="schema", fix=f"the tables are {', '.join(names)}"
        )
    by_name = {table.name: table for table in given.tables}
    return replace(declared, tables=tuple(_overlaid(table, by_name.get(table.name)) for table in declared.tables))


def _overlaid(declared: TableSchema, given: TableSchema | None) -> TableSchema:
    if given is None:
        return declared
    written = {column.name: column for column in given.columns}
    columns = []
    for own in declared.columns:
        said = written.get(own.name)
        if said is not None:
            kept = said.categories if own.categories is None else own.categories
            own = replace(
                said, storage=own.storage, nullable=own.nullable, unique=own.unique or said.unique, categories=kept
            )
        columns.append(own)
    rules = (*declared.constraints, *(rule for rule in given.constraints if rule not in declared.constraints))
    return replace(declared, columns=tuple(columns), constraints=rules)
