"""How is one table filled so that every rule holds?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical import fabricate
from veridical.connect.database.structure import Check, Family, Index, SqlTable
from veridical.connect.database.trial import Trial, unread
from veridical.core import rng as random_streams
from veridical.core.errors import ConstraintError, SpecError
from veridical.core.expression import parse
from veridical.core.schema import ForeignKey, TableSchema
from veridical.engines.seed import edge, meaning, parent, rule
from veridical.engines.seed.field import Field, fields_of
from veridical.engines.seed.rule import Mask
from veridical.engines.seed.value import Draw, capacity, draw, fitted, whole_limits
from veridical.prepare.linked_rule import AT_MOST_ONE, surplus
from veridical.prepare.violation import RowRule

if TYPE_CHECKING:
    from veridical.engines.seed.maker import SeedRequest

ROUNDS = 60  # of drawing broken rows again
FEW = 20  # of these in which numbers are still what their name asks for
NULLS = 0.08  # share of nulls in columns that may hold them
_PEOPLE = ("gender", "first_name", "last_name", "name", "username", "email")


@dataclass(slots=True)
class Filling:
    """One table on its way from declarations to rows; `columns` are filled one after the other."""

    schema: TableSchema
    request: SeedRequest
    fields: dict[str, Field]
    uniques: tuple[tuple[str, ...], ...]
    links: Sequence[ForeignKey]
    columns: dict[str, pa.Array] = field(default_factory=dict)
    rows: int = 0
    notes: list[str] = field(default_factory=list)
    draws: int = 0
    trial: Trial | None = None
    unread: tuple[Check, ...] = ()
    declared: SqlTable | None = None
    everyone: frozenset[str] = frozenset()  # parents of which each owns a row

    @classmethod
    def of(
        cls, schema: TableSchema, table: SqlTable | None, request: SeedRequest, links: Sequence[ForeignKey],
        tables: Mapping[str, TableSchema], dialect: str = "",
    ) -> Filling:  # fmt: skip
        """Return a table that nothing is filled of yet."""
        rules = [constraint.columns for constraint in schema.constraints if constraint.type == "unique"]
        singles = [(column.name,) for column in schema.columns if column.unique]
        # A partial unique index that cannot be read is kept as if it spoke of all rows.
        partial = [] if table is None else [i.mentioned(table.names) for i in table.indexes if _is_whole(i, schema)]
        fields = fields_of(schema, table, dialect)
        apart = [] if table is None else [(name,) for name in _apart(table, fields)]
        found = dict.fromkeys(names for names in (schema.primary_key, *rules, *singles, *partial, *apart) if names)
        for link in links:
            # A child's column takes its parent's values, so conditions on it are the parent's to keep.
            if link.parent not in tables:
                raise ConstraintError(f"no table {link.parent}", where=f"{schema.name}.{', '.join(link.columns)}")
        return cls(
            schema=schema, request=request, fields=fields, uniques=tuple(found), links=links, declared=table,
            unread=() if table is None else unread(table),
        )  # fmt: skip

    def fill(self, links: Sequence[ForeignKey], made: Mapping[str, Filling]) -> None:
        """Fill every column; links to tables in `made` are followed, links to itself are made trees."""
        outer = sorted((link for link in links if link.parent != self.schema.name), key=lambda link: -len(link.columns))
        own = [link for link in links if link.parent == self.schema.name]
        self.rows = self._wanted(outer, made)
        for link in outer:
            self._link(link, made[link.parent].columns)
        filled = {name for link in own for name in link.columns} - {n for link in own for n in link.parent_columns}
        people = self._people()
        for name, item in self.fields.items():
            if item.computed or name in self.columns or name in filled:
                continue
            unique = (name,) in self.uniques
            if name in people and not unique:
                self.columns[name] = self._with_nulls(item, fitted(people[name], item, self._ask(name), unique=False))
            else:
                self.columns[name] = self._drawn(item, unique=unique)
        for link in own:
            self._link_to_itself(link)
        self._compute()
        self._settle(outer, made)

    def link_late(self, link: ForeignKey, made: Mapping[str, Filling]) -> None:
        """Fill a link that closes a circle, now that its parents are there."""
        for name in link.columns:
            self.columns.pop(name, None)
        self._link(link, made[link.parent].columns)
        self._settle([link], made)

    def table(self) -> pa.Table:
        """Return the rows, in the schema's order of columns; computed columns are left out."""
        names = [name for name in self.schema.names if name in self.columns and not self.fields[name].computed]
        return pa.table({name: self.columns[name] for name in names})

    # Drawing

    def _ask(self, *path: str | int, rows: int | None = None) -> Draw:
        self.draws += 1
        rng = random_streams.stream(self.request.seed, "seed-db", self.schema.name, *path, self.draws)
        key = random_streams.derive(self.request.seed, "seed-db", self.schema.name, *path)
        return Draw(self.rows if rows is None else rows, rng, self.request.locale, key)

    def _drawn(self, item: Field, *, unique: bool, rows: int | None = None) -> pa.Array:
        values = draw(item, self.schema.name, self._ask(item.name, rows=rows), unique=unique)
        return self._with_nulls(item, values)

    def _with_nulls(self, item: Field, values: pa.Array) -> pa.Array:
        values = values if values.type == item.arrow else values.cast(item.arrow)
        if not item.column.nullable or item.name in self.schema.primary_key:
            return values
        hidden = pa.array(self._ask(item.name, "null", rows=len(values)).rng.random(len(values)) < NULLS)
        return pc.if_else(hidden, pa.scalar(None, values.type), values)

    def _people(self) -> dict[str, pa.Array]:
        """Columns about one person that agree with each other, where a table has several of them."""
        asked = {
            name: item.column.personal or meaning.text_kind(name, self.schema.name)
            for name, item in self.fields.items()
            if pa.types.is_string(item.arrow) and not item.labels and item.column.pattern is None
        }
        kinds = {name: kind for name, kind in asked.items() if kind in _PEOPLE}
        if len(set(kinds.values())) < 2 or len(set(kinds.values())) < len(kinds):
            return {}
        ask = self._ask("person")
        person = fabricate.person(ask.locale, ask.rows, ask.rng)
        return {name: person[kind].cast(pa.string()) for name, kind in kinds.items()}

    def _wanted(self, links: Sequence[ForeignKey], made: Mapping[str, Filling]) -> int:
        """How many rows there can be: as asked, or as unique columns and parents allow."""
        wanted = self.request.rows_of.get(self.schema.name, self.request.rows)
        most = wanted
        for names in self.uniques:
            room: int | None = 1
            left = list(names)
            for link in links:
                # Columns of one link are no more than its parents together.
                if set(link.columns) & set(left):
                    room = None if room is None else room * made[link.parent].rows
                    left = [name for name in left if name not in link.columns]
            for name in left:
                held = capacity(self.fields[name]) if name in self.fields else None
                room = None if room is None or held is None else room * held
            nullable = any(self.fields[name].column.nullable and name not in self.schema.primary_key for name in names)
            if room is not None and room < most and not nullable:
                # All pairs of two parents would be no life-like choice: leave a fifth out.
                most = max(1, room if len(names) == 1 else int(room * 0.8)) if room else 0
        if most < wanted:
            self.notes.append(f"{self.schema.name}: {most:,} rows instead of {wanted:,}, as its keys allow no more")
        return most

    # Links

    def _optional(self, link: ForeignKey) -> bool:
        return any(self.fields[name].column.nullable and name not in self.schema.primary_key for name in link.columns)

    def _is_one_to_one(self, link: ForeignKey) -> bool:
        return any(set(names) <= set(link.columns) for names in self.uniques)

    def _link(self, link: ForeignKey, parents: Mapping[str, pa.Array]) -> None:
        given = {name: self.columns[name] for name in link.columns if name in self.columns}
        if len(given) == len(link.columns):
            return  # filled by another link that reaches further
        ask = self._ask(*link.columns, "link")
        held = len(next(iter(parents.values()), pa.array([])))
        optional = self._optional(link)
        if given:
            chosen = parent.choose_matching(given, link, parents, ask.rng)
        else:
            unique = self._is_one_to_one(link)
            everyone = link.parent in self.everyone
            chosen = parent.choose(
                self.rows,
                held,
                ask.rng,
                unique=unique,
                optional=optional,
                everyone=everyone,
                where=f"{self.schema.name} ({', '.join(link.columns)})",
            )
        self._take(link, parents, chosen)

    def _link_to_itself(self, link: ForeignKey) -> None:
        ask = self._ask(*link.columns, "own")
        chosen = parent.earlier(self.rows, ask.rng, optional=self._optional(link), unique=self._is_one_to_one(link))
        self._take(link, dict(self.columns), chosen)

    def _take(self, link: ForeignKey, parents: Mapping[str, pa.Array], chosen: parent.Rows) -> None:
        values = parent.taken(parents, link.parent_columns, chosen)
        for name, cells in zip(link.columns, values, strict=True):
            if name not in self.columns or name not in self.schema.primary_key:
                self.columns[name] = cells.cast(self.fields[name].arrow)

    # Rules

    def _compute(self) -> bool:
        """Fill what follows from a formula, the database's own columns too; say whether all of it fits its type."""
        fits = True
        for constraint in self.schema.constraints:
            if constraint.type != "formula" or constraint.expression is None:
                continue
            name = constraint.columns[0]
            table = pa.table({n: c for n, c in self.columns.items() if n != name})
            try:
                values = parse(constraint.expression, list(table.column_names)).evaluate(table)
                item = self.fields[name]
                if item.precision is not None:
                    widest = pc.max(pc.abs(values.cast(pa.float64()))).as_py() or 0.0
                    fits &= widest < 10 ** (item.precision - (item.scale or 0))
                self.columns[name] = values.cast(item.arrow, safe=False)
            except (SpecError, pa.ArrowInvalid, pa.ArrowNotImplementedError):
                continue  # what the database computes needs no value from here
        return bool(fits)

    def _settle(self, links: Sequence[ForeignKey], made: Mapping[str, Filling]) -> None:
        """Draw rows again until every rule holds; what cannot be mended so is copied from rows that keep them."""
        rules = rule.rules_of(self.schema, [name for name in self.schema.names if name in self.columns])
        fixed = {name for names in self.uniques for name in names if len(names) == 1}
        by_link = {name: link for link in links for name in link.columns}
        for attempt in range(ROUNDS):
            self._sort(rules, fixed | set(by_link))
            wrong = self._wrong(rules)
            if not wrong:
                return
            for names, rows in wrong:
                for name in names:
                    self._redraw(name, rows, fixed, by_link, made, attempt)
            self._compute()
        self._copy(rules, fixed)

    def _sort(self, rules: Sequence[RowRule], fixed: set[str]) -> None:
        for item in rules:
            names = item.constraint.columns
            if item.constraint.type == "inequality" and len(names) == 2 and not fixed & set(names):
                rule.swapped(self.columns, *names)

    def _wrong(self, rules: Sequence[RowRule]) -> list[tuple[tuple[str, ...], Mask]]:
        found = [(item.expression.columns, rule.broken(item, self.columns)) for item in rules]
        found += [
            (names, rule.repeated(self.columns, names))
            for names in self.uniques if all(name in self.columns for name in names)
        ]  # fmt: skip
        found += [(names, rows) for _, names, rows in self._refused()]
        return [(names, rows) for names, rows in found if rows.any()]

    def _refused(self) -> Iterator[tuple[str, tuple[str, ...], Mask]]:
        """What is broken of rules on several rows, and of conditions that only the database can read."""
        for said in self.schema.constraints:
            if said.type == AT_MOST_ONE and set(said.columns) <= set(self.columns):
                told = parse(said.when, self.schema.columns).columns if said.when is not None else ()
                if set(told) <= set(self.columns):
                    yield said.reason, (*said.columns, *told), surplus(pa.table(self.columns), self.schema, said)
        for check in self.unread if self.trial is not None and self.declared is not None else ():
            assert self.trial is not None and self.declared is not None
            names = self.trial.columns(self.declared, check)
            if names and set(names) <= set(self.columns):
                rows = pa.table({name: self.columns[name] for name in names})
                yield f"{check.name} ({check.text[:80]})".strip(), names, self.trial.broken(self.declared, check, rows)

    def _redraw(
        self, name: str, rows: Mask, fixed: set[str], by_link: Mapping[str, ForeignKey], made: Mapping[str, Filling],
        attempt: int,
    ) -> None:  # fmt: skip
        item = self.fields[name]
        if item.computed or name not in self.columns:
            return
        count = int(rows.sum())
        link = by_link.get(name)
        if link is not None:
            give_up = attempt > ROUNDS // 2 and self._optional(link)
            alone = len(link.columns) == 1 and self._is_one_to_one(link)
            if name != link.columns[0] or (alone and not give_up):
                return
            ask = self._ask(name, "again", rows=count)
            parents = made[link.parent].columns
            held = len(parents[link.parent_columns[0]])
            if held:
                chosen = np.full(count, parent.NONE) if give_up else ask.rng.integers(held, size=count)
                for own, cells in zip(link.columns, parent.taken(parents, link.parent_columns, chosen), strict=True):
                    self.columns[own] = rule.put(self.columns[own], rows, cells.cast(self.fields[own].arrow))
            return
        if name in fixed:
            return
        if attempt > ROUNDS // 2 and item.column.nullable and name not in self.schema.primary_key:
            values = pa.nulls(count, item.arrow)  # nothing breaks on a null
        elif attempt > FEW and item.family is Family.INTEGER and item.allowed.values is None:
            low, high = whole_limits(item)  # what the name asks for is too narrow
            first = max(low, 1) if high > 0 else low
            wide = self._ask(name, "wide", rows=count).rng.integers(
                first, min(high, first + 20 * self.rows), count, endpoint=True
            )
            values = pa.array(wide).cast(item.arrow)
        else:
            values = self._drawn(item, unique=False, rows=count)
        self.columns[name] = rule.put(self.columns[name], rows, values)

    def _copy(self, rules: Sequence[RowRule], fixed: set[str]) -> None:
        bad = np.zeros(self.rows, dtype=bool)
        named: dict[str, None] = {}
        for item in rules:
            rows = rule.broken(item, self.columns)
            if rows.any():
                bad |= rows
                named.update(dict.fromkeys(item.expression.columns))
                named[item.constraint.reason or item.expression.text] = None
        for reason, names, rows in self._refused():
            if rows.any():
                bad |= rows
                named.update(dict.fromkeys([*names, reason]))
        good = np.flatnonzero(~bad)
        if bad.any() and not len(good):
            told = "; ".join(list(named)[-3:])
            fix = "say in a schema.yaml which values its columns take (low, high, categories, pattern)"
            raise ConstraintError(f"no row that keeps this was found: {told}", where=self.schema.name, fix=fix)
        if bad.any():
            source = np.where(bad, good[np.arange(self.rows) % len(good)], np.arange(self.rows))
            keys = {name for names in self.uniques for name in names}
            for name in self.columns:
                if name not in fixed and name not in keys:
                    self.columns[name] = self.columns[name].take(pa.array(source))
        self._drop_repeated()

    def _drop_repeated(self) -> None:
        wrong = np.zeros(self.rows, dtype=bool)
        for names in self.uniques:
            wrong |= rule.repeated(self.columns, names)
        for _, _, rows in self._refused():
            wrong |= rows
        if wrong.any():
            self.columns = {name: cells.filter(pa.array(~wrong)) for name, cells in self.columns.items()}
            self.rows -= int(wrong.sum())
            for link in self.links:
                if link.parent == self.schema.name:
                    self._link_to_itself(link)  # rows that others referred to may be gone
            self.notes.append(f"{self.schema.name}: {self.rows:,} rows, as its keys allow no more")

    # Edges

    def put_edges(self) -> None:
        """Put each column's edge values into a row of their own, where all rules still hold."""
        if not self.rows:
            return
        keys = {name for link in self.links for name in link.columns} | set(self.schema.primary_key)
        rules = rule.rules_of(self.schema, list(self.columns))
        place = 0
        for name, item in self.fields.items():
            if name in keys or item.computed or item.identity or name not in self.columns:
                continue
            for value in edge.edges(item) if name not in self._in_expressions() else [None][: item.column.nullable]:
                self._put_edge(name, place % self.rows, value, rules)
                place += 1

    def _in_expressions(self) -> set[str]:
        """Whole numbers that an index counts with: its sums and signs may not be taken of the greatest and least."""
        found = () if self.declared is None else (i for i in self.declared.indexes if not i.columns)
        said = {name for index in found for name in index.mentioned(self.schema.names)}
        return {name for name in said if self.fields[name].family in (Family.INTEGER, Family.DECIMAL)}

    def _put_edge(self, name: str, row: int, value: object, rules: Sequence[RowRule]) -> None:
        mask = np.arange(self.rows) == row
        before = dict(self.columns)
        try:
            cell = pa.array([value], self.fields[name].arrow)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            return
        self.columns[name] = rule.put(self.columns[name], mask, cell)
        fits = self._compute()
        touched = [item for item in rules if name in item.expression.columns]
        broken = any(rule.broken(item, self.columns).any() for item in touched)
        repeats = any(rule.repeated(self.columns, names).any() for names in self.uniques if name in names)
        repeats = repeats or any(rows.any() for _, names, rows in self._refused() if name in names)
        if broken or repeats or not fits:
            self.columns = before


def _apart(table: SqlTable, fields: Mapping[str, Field]) -> list[str]:
    """Stretches of which an exclusion constraint lets no two overlap: those made here never do."""
    told = [definition for definition in table.others if "WITH &&" in definition]
    return [name for name, item in fields.items() if item.is_range and any(name in text for text in told)]


def _is_whole(index: Index, schema: TableSchema) -> bool:
    """Whether a unique index is taken to speak of all rows and of columns by themselves."""
    read = any(rule.reason == f"UNIQUE INDEX {index.name}" for rule in schema.constraints)
    return index.unique and (index.partial or not index.columns) and not (read and index.partial)
