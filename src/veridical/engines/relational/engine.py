"""Which engine makes linked tables, and what may a user say to it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import SchemaError, SpecError
from veridical.core.schema import ForeignKey, Schema
from veridical.engines.relational.fitting import fit
from veridical.engines.relational.generator import LinkedGenerator
from veridical.engines.relational.graph import build
from veridical.engines.relational.group import Grouping
from veridical.engines.relational.injected import table_engine
from veridical.engines.relational.linking import Source
from veridical.prepare.link import point


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedEngine:
    """Tables and their links: how many children each row has first, then rows that know their parents.

    `table_engine` learns each table. Tables named in `keep` go out as they are (lookup tables: airlines, currencies);
    all others are made anew. `grown` says of which tables the data holds a part only, and by which factor more rows
    come out. `broken_links` are reproduced at their rate ("keep") or mended ("mend").
    """

    generator: ClassVar[type[LinkedGenerator]] = LinkedGenerator
    table_engine: str = "tree"
    keep: tuple[str, ...] = ()
    broken_links: str = "keep"
    grown: tuple[tuple[str, float], ...] = ()
    grouping: Grouping = field(default_factory=Grouping)

    def fit(self, data: Dataset, schema: Schema, ctx: RunContext) -> LinkedGenerator:
        """Return a generator of all tables.

        Raises:
            SchemaError: a link names what is not there.
            SpecError: an option is wrong.
            VeridicalError: what the table engine refuses.
        """
        keep = _names(self.keep)
        if self.broken_links not in ("keep", "mend"):
            raise SpecError(f"no way {self.broken_links!r}", where="broken_links", fix="say keep or mend")
        schema = _present(schema, data)
        schema = replace(schema, foreign_keys=completed(schema.foreign_keys))
        _check_keep(keep, schema)
        pointing = [point(data.tables, link) for link in schema.foreign_keys]
        graph = build(schema, data.tables, pointing)
        source = Source(dict(data.tables), schema, graph, pointing, keep)
        found = fit(source, table_engine(self.table_engine), self.grouping, ctx)
        tables = {name: replace(model, factor=dict(self.grown).get(name, 1.0)) for name, model in found.tables.items()}
        return LinkedGenerator(
            schema, graph, found.links, tables, self.table_engine, self.broken_links == "mend", found.led
        )


def _names(given: Sequence[str] | str) -> tuple[str, ...]:
    return tuple(name.strip() for name in given.split(",")) if isinstance(given, str) else tuple(given)


def _present(schema: Schema, data: Dataset) -> Schema:
    absent = [table.name for table in schema.tables if table.name not in data.tables]
    if absent:
        raise SchemaError(f"the data lacks {', '.join(absent)}", where="tables", fix="remove them, or learn again")
    return schema


def _check_keep(keep: Sequence[str], schema: Schema) -> None:
    names = {table.name for table in schema.tables}
    unknown = [name for name in keep if name not in names]
    if unknown:
        raise SpecError(
            f"no table {', '.join(unknown)}", where="keep", fix=f"the tables are {', '.join(sorted(names))}"
        )
    for link in schema.foreign_keys:
        if link.table in keep and link.parent not in keep:
            raise SpecError(
                f"{link.table} points to {link.parent}, whose keys will be new", where="keep",
                fix=f"keep {link.parent} too, or neither",
            )  # fmt: skip


def completed(links: Sequence[ForeignKey]) -> tuple[ForeignKey, ...]:
    """Return the links with those added that must hold for links over shared columns to agree.

    Where flights (origin, hour) point to weather and flights (origin) to airports, weather (origin) points to airports.
    """
    found = list(links)
    for narrow in links:
        for wide in links:
            shared = set(narrow.columns) & set(wide.columns)
            if narrow.table != wide.table or narrow is wide or not shared or set(narrow.columns) == set(wide.columns):
                continue
            if shared != set(narrow.columns):
                continue  # rows keep to the parents of their own cell
            renamed = dict(zip(wide.columns, wide.parent_columns, strict=True))
            link = replace(
                narrow, table=wide.parent, columns=tuple(renamed[name] for name in narrow.columns), source="implied",
                reason=f"follows from the links of {narrow.table}", broken_share=0.0,
            )  # fmt: skip
            if link.table == link.parent and link.columns == link.parent_columns:
                continue
            same = [
                one for one in found
                if (one.table, one.columns, one.parent) == (link.table, link.columns, link.parent)
            ]  # fmt: skip
            if not same:
                found.append(link)
    return tuple(found)
