"""Which tables hang together under one unit, and how? Told from declared keys alone; no row is looked at.

The unit is a row of one table with every row below it. A table below has one owner; where it names a table further up
as well (a lab value its visit and its patient), that follows from the owner. What cannot be told apart by units is
refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from veridical.core.errors import SchemaError
from veridical.core.schema import ForeignKey, Schema, TableSchema


@dataclass(frozen=True, slots=True)
class Kin:
    """A table below the unit's: its `column` names `parent_column` of a row of `parent`.

    `also` are further columns that name a table above the parent, with that table and its key. `ordinal` numbers the
    rows of one parent 1, 2, 3 ...; `single`: a parent has one row at most.
    """

    table: str
    column: str
    parent: str
    parent_column: str
    also: tuple[tuple[str, str, str], ...] = ()
    ordinal: str | None = None
    single: bool = False

    @property
    def names(self) -> frozenset[str]:
        """The columns that follow from the parent."""
        return frozenset(
            {self.column, *(name for name, _, _ in self.also)} | ({self.ordinal} if self.ordinal else set())
        )


@dataclass(frozen=True, slots=True)
class Family:
    """The unit's table and its key, the tables below (parents first), and public tables that rows point to.

    `looked_up` gives for a table its columns that name a row of a public table, with that table and its key.
    """

    unit: str
    key: str
    kin: tuple[Kin, ...]
    public: tuple[str, ...] = ()
    looked_up: Mapping[str, tuple[tuple[str, str, str], ...]] = field(default_factory=dict)

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that hold rows of units, parents first."""
        return (self.unit, *(kin.table for kin in self.kin))

    def kin_of(self, table: str) -> Kin | None:
        """Return how a table hangs below another; None for the unit's own."""
        return next((kin for kin in self.kin if kin.table == table), None)

    def below(self, table: str) -> tuple[str, ...]:
        """Return the tables that a table's rows own."""
        return tuple(kin.table for kin in self.kin if kin.parent == table)

    def keys(self, table: str) -> frozenset[str]:
        """Return the columns of a table by which others name its rows."""
        own = {kin.parent_column for kin in self.kin if kin.parent == table}
        own |= {key for kin in self.kin for _, above, key in kin.also if above == table}
        return frozenset(own | ({self.key} if table == self.unit else set()))

    def to_plain(self) -> dict[str, Any]:
        """Return the family as JSON-like data."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Family:
        """Return what `to_plain` wrote."""
        kin = tuple(Kin(**{**one, "also": tuple(map(tuple, one["also"]))}) for one in plain["kin"])
        looked_up = {table: tuple(map(tuple, found)) for table, found in plain["looked_up"].items()}
        return cls(plain["unit"], plain["key"], kin, tuple(plain["public"]), looked_up)


def family_of(schema: Schema, unit: str, public: Sequence[str] = ()) -> Family:
    """Return the tables under a unit, told as `TABLE` or `TABLE.COLUMN`; `public` tables go out as they are.

    Raises:
        SchemaError: a table cannot be told apart by units, or is not linked to the unit's; it is named.

    Example:
        >>> from veridical.core.schema import Column, Kind
        >>> tables = [TableSchema(name=n, columns=(Column(name="pid", kind=Kind.IDENTIFIER),)) for n in ("p", "v")]
        >>> link = ForeignKey(table="v", columns=("pid",), parent="p", parent_columns=("pid",))
        >>> family_of(Schema(tables=tuple(tables), foreign_keys=(link,)), "p").kin[0].table
        'v'
    """
    for name in public:
        schema.table(name)
    table, key = _unit(schema, unit)
    links = [_single(link) for link in schema.foreign_keys if link.table not in public]
    depth, owners = {table: 0}, dict[str, ForeignKey]()
    while True:
        found = [link for link in links if link.parent in depth and link.table not in depth]
        if not found:
            break
        for link in found:
            depth.setdefault(link.table, depth[link.parent] + 1)
    _deepen(links, depth)
    for name in sorted(depth, key=lambda name: depth[name]):
        if name != table:
            owners[name] = _owner(name, links, depth)
    kin = tuple(_kin(schema.table(name), owners, links, depth) for name in owners)
    _refuse_strangers(schema, links, {*depth, *public}, table)
    looked_up: dict[str, tuple[tuple[str, str, str], ...]] = {}
    for link in links:
        if link.parent in public and link.table in depth:
            entry = (link.columns[0], link.parent, link.parent_columns[0])
            looked_up[link.table] = (*looked_up.get(link.table, ()), entry)
    return Family(table, key, kin, tuple(public), looked_up)


def _unit(schema: Schema, unit: str) -> tuple[str, str]:
    name, _, column = unit.partition(".")
    if not column and name not in {table.name for table in schema.tables}:
        owners = [table.name for table in schema.tables if _is_key(schema, table, name)]
        name, column = (owners[0], name) if len(owners) == 1 else (name, "")
    if name not in {table.name for table in schema.tables}:
        raise SchemaError(
            f"there is no table {name!r}", where="unit",
            fix=f"name the table of the unit, as in --unit {schema.tables[0].name}",
        )  # fmt: skip
    table = schema.table(name)
    named = {link.parent_columns for link in schema.foreign_keys if link.parent == name}
    for key in [(column,)] if column else [*sorted(named), table.primary_key]:
        if len(key) == 1 and key[0] in table.names:
            return name, key[0]
    raise SchemaError(
        f"{unit!r} names no key of one column", where="unit", fix=f"say which: --unit {name}.COLUMN",
    )  # fmt: skip


def _is_key(schema: Schema, table: TableSchema, column: str) -> bool:
    named = {link.parent_columns for link in schema.foreign_keys if link.parent == table.name}
    return (column,) in {*named, table.primary_key} and column in table.names


def _single(link: ForeignKey) -> ForeignKey:
    if link.table == link.parent:
        raise SchemaError(
            f"rows of {link.table} point to each other, so that one unit's rows would tell of another's",
            where=f"{link.table}.{', '.join(link.columns)}", fix="leave that link and column out of the schema",
        )  # fmt: skip
    if len(link.columns) != 1:
        raise SchemaError(
            f"{link.table} points to {link.parent} by several columns", where=", ".join(link.columns),
            fix="link them by one column",
        )  # fmt: skip
    return link


def _deepen(links: Sequence[ForeignKey], depth: dict[str, int]) -> None:
    """Put each table below the deepest table it names."""
    for _ in range(len(depth)):
        changed = False
        for link in links:
            if link.table in depth and link.parent in depth and depth[link.table] <= depth[link.parent]:
                depth[link.table] = depth[link.parent] + 1
                changed = True
        if not changed:
            return
    raise SchemaError("the links run in a circle", where=", ".join(depth), fix="leave one of them out of the schema")


def _owner(name: str, links: Sequence[ForeignKey], depth: Mapping[str, int]) -> ForeignKey:
    own = [link for link in links if link.table == name and link.parent in depth]
    return max(own, key=lambda link: depth[link.parent])


def _kin(
    table: TableSchema, owners: Mapping[str, ForeignKey], links: Sequence[ForeignKey], depth: Mapping[str, int]
) -> Kin:
    owner = owners[table.name]
    above, place = [], owner.parent
    while place in owners:
        place = owners[place].parent
        above.append(place)
    also = []
    for link in links:
        if link.table != table.name or link.parent not in depth or link is owner:
            continue
        if link.parent not in above:
            raise SchemaError(
                f"rows of {table.name} would belong to two units: by {owner.columns[0]} and by {link.columns[0]}",
                where=table.name, fix="leave one of the two links out of the schema",
            )  # fmt: skip
        also.append((link.columns[0], link.parent, link.parent_columns[0]))
    column = owner.columns[0]
    single, ordinal = _numbered(table, {column, *(name for name, _, _ in also)})
    return Kin(table.name, column, owner.parent, owner.parent_columns[0], tuple(also), ordinal, single)


def _numbered(table: TableSchema, names: set[str]) -> tuple[bool, str | None]:
    """Return whether a parent has one row at most, and the column that numbers its rows; both by the primary key."""
    rest = [name for name in table.primary_key if name not in names]
    if not table.primary_key or len(rest) == len(table.primary_key):
        return False, None
    if len(rest) > 1:
        raise SchemaError(
            f"the primary key of {table.name} has several columns besides its parent", where=", ".join(rest),
            fix="declare a key of one column, or none",
        )  # fmt: skip
    return (True, None) if not rest else (False, rest[0])


def _refuse_strangers(schema: Schema, links: Sequence[ForeignKey], known: set[str], unit: str) -> None:
    for table in schema.tables:
        if table.name not in known:
            raise SchemaError(
                f"rows of {table.name} belong to no row of {unit}", where=table.name,
                fix=f"link it to {unit} in the schema, or say that it is public: --keep {table.name}",
            )  # fmt: skip
    for link in links:
        if link.parent not in known:
            raise SchemaError(
                f"{link.table} points to {link.parent}, which is not here", where=link.columns[0], fix="leave it out"
            )
