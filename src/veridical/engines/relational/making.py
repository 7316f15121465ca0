"""How do linked tables come out: parents first, as many children as each is given, keys last?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.contracts import RunContext
from veridical.core.rng import derive
from veridical.core.schema import Role, Schema
from veridical.engines.relational import drawing, lattice, standing
from veridical.engines.relational.balance import Sum, balanced
from veridical.engines.relational.cell import cells, shared
from veridical.engines.relational.clock import from_minutes
from veridical.engines.relational.fitting import kind_labels, kind_words, taken
from veridical.engines.relational.graph import Graph
from veridical.engines.relational.key import lost_keys
from veridical.engines.relational.leading import lead, path, settled
from veridical.engines.relational.made import Asked, Made, dealt_out
from veridical.engines.relational.matching import Match, settle_barren
from veridical.engines.relational.model import LinkModel, TableModel
from veridical.engines.relational.pairing import pair
from veridical.engines.relational.plan import count_name, kind_name, parent_name
from veridical.engines.relational.quota import dealt, resized, scaled
from veridical.engines.relational.uniqueness import keep_apart
from veridical.prepare.codec import whole
from veridical.prepare.link import Rows, point
from veridical.prepare.linked_ruling import ruled
from veridical.prepare.storage import parse_type, store


@dataclass(frozen=True)
class Maker:
    """Makes all tables of one request."""

    schema: Schema
    graph: Graph
    links: Mapping[int, LinkModel]
    tables: Mapping[str, TableModel]
    asked: Asked
    ctx: RunContext
    led: Mapping[int, Rows] = field(default_factory=dict)  # by followed link: learned numbers of rows led to a parent

    def make(self) -> dict[str, pa.Table]:
        """Return the tables, in the schema's order of tables and columns.

        Raises:
            ConstraintError: a key cannot be kept unique.
        """
        made: dict[str, Made] = {}
        for name in self.graph.order:
            made[name] = self._table(name, made)
        for i in self.graph.late:
            if self.tables[self.graph.links[i].table].kept is None:
                self._match(i, made)
                self._point(i, made)
        tables = {table.name: self._finished(table.name, made[table.name]) for table in self.schema.tables}
        return ruled(tables, self.schema, self.rng("rules"))

    def rng(self, *path: str | int) -> np.random.Generator:
        """Return the random stream of one place."""
        return self.ctx.rng("synthesize", *path)

    def _table(self, name: str, made: Mapping[str, Made]) -> Made:
        model = self.tables[name]
        if model.kept is not None:
            table = self._kept(name, model)
        else:
            table = self._grown(name, model, made)
        self._hidden(name, model, table)
        self._keys(name, model, table)
        if model.kept is None:
            current = {**made, name: table}
            for i in self.graph.matched.get(name, ()):
                if i not in self.graph.led:
                    self._match(i, current)
            keep_apart(self.graph, model, current, self.links, partial(self.rng, name), by_links=True)
            for i in table.groups:
                self._copy(i, name, table, current)
            for way in self.graph.followed:
                if self.graph.links[way[0]].table == name:
                    self._follow(way, current)
            keep_apart(self.graph, model, current, self.links, partial(self.rng, name), by_links=False)
            self._balance(name, table, current)
            for i in [i for i in table.above if self.graph.links[i].table == name]:
                self._point(i, current)
        else:
            self._trace(name, table)
        table.offer = self._offered(name, model, table)
        return table

    def _kept(self, name: str, model: TableModel) -> Made:
        assert model.kept is not None
        columns = {column.name: store(whole(model.kept[column.name]), column.storage) for column in self._columns(name)}
        return Made(rows=model.kept.num_rows, columns=columns)

    def _grown(self, name: str, model: TableModel, made: Mapping[str, Made]) -> Made:
        owner = self.graph.owner.get(name)
        table = Made(rows=0)
        given: dict[str, pa.Array] = {}
        if owner is None:
            size = 1.0 if model.fixed else self.asked.scale
            table.rows = max(1, round(model.rows * size * model.factor)) if model.rows else 0
        else:
            given = self._owned(owner, name, model, made, table)
        if owner is not None:
            given |= dealt_out(model.plan, table, owner, self.rng("grid", name))
        table.given = given
        context = {column: given[column] for column in model.context if column in given}
        table.drawn = drawing.rows(self, name, model, table, context, made)
        for column in model.plan.drawn:
            values = whole(table.drawn[column]) if table.drawn is not None else self._nulls(name, column)
            if column in model.plan.in_minutes:
                values = from_minutes(values, parse_type(model.plan.schema.column(column).storage))
            table.columns[column] = values
        table.columns.update(lattice.snapped(table.columns, model.levels, model.plan.schema))
        for one in model.plan.spelled:
            kinds = {part: parse_type(model.plan.schema.column(part).storage) for part in one.parts}
            table.columns.update(one.compute(table.columns[one.column], kinds))
        if owner is not None:
            self._copy(owner, name, table, made)
        for clock in model.plan.clocks:
            if clock.hour is not None:
                kind = parse_type(model.plan.schema.column(clock.column).storage)
                table.columns[clock.column] = clock.compute(table.columns, kind)
        return table

    def _nulls(self, name: str, column: str) -> pa.Array:
        return pa.nulls(0, parse_type(self.schema.table(name).column(column).storage))

    def _owned(
        self, owner: int, name: str, model: TableModel, made: Mapping[str, Made], table: Made
    ) -> dict[str, pa.Array]:
        """Set a table's rows by its owner's numbers of children, and return what each row is told."""
        link, known = self.graph.links[owner], self.links[owner]
        parent = made[link.parent]
        numbers, kinds = self._all_numbers(owner, parent)
        if model.factor != 1 and self.tables[link.parent].factor == 1:
            # The owners are all here and a part of their children was kept back.
            numbers = scaled(numbers, round(int(numbers.sum()) * model.factor), self.rng("factor", name))
        nulls = round(known.nulls * self._growth(owner, numbers))
        above = np.concatenate([np.repeat(np.arange(len(numbers)), numbers), np.full(nulls, -1, dtype=np.int64)])
        if model.shuffled:
            above = above[self.rng("order", name).permutation(len(above))]
        table.rows, table.above[owner] = len(above), above
        there = self.base(owner, above, parent)
        assert parent.offer is not None
        told = taken(parent.offer, there)
        given = {column: whole(told[column]) for column in told.column_names}
        given[kind_name(owner)] = kind_words(np.where(above < 0, -1, np.append(kinds, -1)[above]))
        return given

    def _growth(self, i: int, numbers: Rows) -> float:
        named = self.links[i].rows - self.links[i].nulls
        return float(numbers.sum() / named) if named else self.asked.scale

    def _all_numbers(self, i: int, parent: Made) -> tuple[Rows, Rows]:
        """Return numbers and groups of all parents of a link, those without a row last."""
        known = self.links[i]
        numbers, kinds = parent.numbers[i], parent.kinds[i]
        if not len(known.missing_numbers):
            return numbers, kinds
        # Keys without a row grow with the links that have one.
        share = numbers.sum() / known.numbers.sum() if known.numbers.sum() else self.asked.scale
        if self.asked.mend:
            lost = round(int(known.missing_numbers.sum()) * share)
            return scaled(numbers, int(numbers.sum()) + lost, self.rng("mend", i)), kinds
        count = max(1, round(len(known.missing_numbers) * share))
        place = np.floor((np.arange(count) + 0.5) / count * len(known.missing_numbers)).astype(np.int64)
        return (
            np.concatenate([numbers, known.missing_numbers[place]]),
            np.concatenate([kinds, known.missing_kinds[place]]),
        )

    def base(self, i: int, above: Rows, parent: Made) -> Rows:
        """Return for each row a parent that is there: keys without a row are told of as if they were some other's."""
        if not parent.rows:
            return np.full(len(above), -1, dtype=np.int64)
        beyond = above >= parent.rows
        if not beyond.any():
            return above
        stand_in = self.rng("stand-in", i).integers(parent.rows, size=int(above.max()) + 1)
        return np.where(beyond, stand_in[np.maximum(above, 0)], above)

    def _hidden(self, name: str, model: TableModel, table: Made) -> None:
        """Say how many children of which kind each row has, by every link that points here."""
        singles = self._singles(model, table)
        for i in self.graph.children(name):
            if i in singles:
                table.kinds[i], table.numbers[i] = singles[i]
                continue
            if table.drawn is None:
                table.kinds[i] = table.numbers[i] = np.zeros(table.rows, dtype=np.int64)
                table.kinds[i] = table.kinds[i] - 1
                table.numbers[i] = resized(self.links[i].numbers, table.rows)
                continue
            kinds = kind_labels(table.drawn[kind_name(i)])
            wanted = np.asarray(whole(table.drawn[count_name(i)]).fill_null(0).to_numpy(zero_copy_only=False))
            wanted = np.where(kinds < 0, 0, np.maximum(wanted, 1))
            table.kinds[i] = np.maximum(kinds, -1)
            table.numbers[i] = dealt(wanted, self.links[i].numbers, self.rng("numbers", i))

    def _singles(self, model: TableModel, table: Made) -> dict[int, tuple[Rows, Rows]]:
        """Return kinds and numbers of a lookup table's parents by link."""
        found = standing.places(model, table, self.rng("singles", model.plan.schema.name), self.asked.scale)
        if self.asked.scale == 1 or not model.fixed:
            return found
        return {
            i: (kinds, scaled(numbers, round(int(numbers.sum()) * self.asked.scale), self.rng("scaled", i)))
            for i, (kinds, numbers) in found.items()
        }

    def _keys(self, name: str, model: TableModel, table: Made) -> None:
        if model.kept is not None:
            return
        for column, fresh in model.plan.fresh.items():
            made = fresh.make(table.rows, derive(self.asked.seed, "key", name, column) % 2**62)
            table.columns[column] = store(made, self.schema.table(name).column(column).storage)

    def _match(self, i: int, made: Mapping[str, Made]) -> None:
        """Pair the rows of a finished table with the parents of a link that is not its owner."""
        link, known = self.graph.links[i], self.links[i]
        child, rng = made[link.table], self.rng("match", i)
        numbers, kinds = self._all_numbers(i, made[link.parent])
        held = cells(i, self.graph.links, child, made)
        if held is not None and not any(self.schema.table(link.table).column(one).nullable for one in link.columns):
            held = settle_barren(child, held, rng)
        nobody = np.full(child.rows, -1, dtype=np.int64)
        owners = child.above.get(self.graph.owner.get(link.table, i), nobody)
        match = Match(link, known, self._wanted(i, child), owners, numbers, kinds)
        child.above[i] = match.anywhere(rng) if held is None else match.within(held, rng)
        child.groups[i] = kinds
        if held is not None:
            child.cells[i] = held
        self._copy(i, link.table, child, made)

    def _wanted(self, i: int, child: Made) -> Rows:
        """Return the kind of parent that each row wants by a link; -1 for none."""
        if child.drawn is None:
            return np.full(child.rows, -1, dtype=np.int64)
        return kind_labels(child.drawn[parent_name(i)])

    def _follow(self, way: tuple[int, int, int], made: Mapping[str, Made]) -> None:
        """Let a link lead where the row's other parent leads; what nothing leads is paired with what remains."""
        j, i, k = way
        link = self.graph.links[j]
        child, parent = made[link.table], made[link.parent]
        leads = lead(made[self.graph.links[i].parent].above[k], child.above[i])
        if j in self.graph.implied:
            child.above[j] = leads
            return
        known, rng = self.links[j], self.rng("match", j)
        wanted = self._wanted(j, child)
        unasked, nullable = (wanted < 0).astype(np.int64), known.nulls > 0
        above, open_to = settled(leads, unasked, known.numbers, parent.rows, rng, nullable=nullable)
        rest = np.flatnonzero(leads < 0)
        if parent.rows:
            above[rest] = pair(wanted[rest], parent.kinds[j], open_to, len(rest) - int(open_to.sum()), rng)
        child.above[j] = above
        self._copy(j, link.table, child, made)

    def _balance(self, name: str, table: Made, made: Mapping[str, Made]) -> None:
        """Let numbers of children change places until what follows from them adds up: a patient's, over all visits."""
        for i in [i for i in self.graph.children(name) if i in table.numbers]:
            sums: dict[tuple[int, ...], Sum] = {}
            for j in self.led:
                root, climbed = path(j, self.graph.summed)
                if root == i and all(k in made[self.graph.links[k].table].above for k in climbed):
                    groups = np.arange(table.rows)
                    for k in climbed:
                        groups = lead(made[self.graph.links[k].table].above[k], groups)
                    sums[climbed] = Sum(groups, made[self.graph.links[j].parent].rows, self.led[j])
            if not sums:
                continue
            table.numbers[i], origin = balanced(table.numbers[i], list(sums.values()), self.rng("balance", i))
            kinds, theirs = table.kinds[i], table.kinds[i][origin]
            # A parent without children is of no kind; one that is a kind by itself goes with its number.
            table.kinds[i] = theirs if self.links[i].alone else np.where((kinds < 0) | (theirs < 0), theirs, kinds)

    def _trace(self, name: str, table: Made) -> None:
        """Find where the rows of a kept table point: some link may follow from there."""
        for k in {way[2] for way in self.graph.summed if self.graph.links[way[2]].table == name}:
            kept = {one: self.tables[one].kept for one in (name, self.graph.links[k].parent)}
            found = point({one: rows for one, rows in kept.items() if rows is not None}, self.graph.links[k])
            table.above[k] = np.where(found.rows < found.present, found.rows, -1)

    def _point(self, i: int, made: Mapping[str, Made]) -> None:
        """Write a link's keys into the rows that point by it."""
        link = self.graph.links[i]
        child, parent = made[link.table], made[link.parent]
        above = child.above[i]
        missing = max(0, int(above.max(initial=-1)) + 1 - parent.rows)
        held = [parent.columns[name] for name in link.parent_columns]
        fresh = self.tables[link.parent].plan.fresh.get(link.parent_columns[0])
        seed = derive(self.asked.seed, "missing", i) % 2**62
        lost = lost_keys(held, fresh, missing, seed, partial(self.rng, "missing", i)) if missing else []
        for place, (own, theirs) in enumerate(zip(link.columns, link.parent_columns, strict=True)):
            values = parent.columns[theirs]
            if missing:
                values = pa.concat_arrays([values, lost[place].cast(values.type)])
            pointed = values.take(pa.array(above, mask=above < 0))
            kind = self.schema.table(link.table).column(own).storage
            pointed = store(pointed, kind)
            if own in shared(i, self.graph.links, list(child.above)) and own in child.columns:
                # Where this key is empty, the columns that it shares with another one are not.
                pointed = pc.if_else(pa.array(above >= 0), pointed, store(child.columns[own], kind))
            child.columns[own] = pointed

    def _copy(self, i: int, name: str, table: Made, made: Mapping[str, Made]) -> None:
        """Let columns that repeat the parent's do so."""
        link = self.graph.links[i]
        parent = made[link.parent]
        for own, theirs in self.tables[name].plan.copied.get(i, {}).items():
            there = self.base(i, table.above[i], parent)
            values = parent.columns[theirs].take(pa.array(there, mask=there < 0))
            kind = parse_type(self.schema.table(name).column(own).storage)
            values = store(values, kind)
            if own in table.columns:
                values = pc.if_else(pa.array(table.above[i] >= 0), values, store(table.columns[own], kind))
            table.columns[own] = values

    def _offered(self, name: str, model: TableModel, table: Made) -> pa.Table:
        found: dict[str, pa.Array] = {}
        for column in model.offered:
            own = column.name.removeprefix(f"{name}.")
            if column.name.startswith("#"):
                found[column.name] = pa.array(table.numbers[int(column.name[1:].split(" ")[0])])
            elif own != column.name and own in table.columns:
                found[column.name] = table.columns[own]
            else:
                found[column.name] = table.given.get(column.name, pa.nulls(table.rows, parse_type(column.storage)))
        return pa.table(found) if found else pa.table({"": pa.nulls(table.rows)}).select([])

    def _finished(self, name: str, table: Made) -> pa.Table:
        found = {}
        for column in self._columns(name):
            values = table.columns.get(column.name)
            kind = parse_type(column.storage)
            found[column.name] = pa.nulls(table.rows, kind) if values is None else store(values, kind)
        return pa.table(found)

    def _columns(self, name: str) -> Sequence[Any]:
        return [column for column in self.schema.table(name).columns if column.role is not Role.DROP]
