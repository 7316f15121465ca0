"""Which rows of all linked tables belong to one stretch of root rows?

Rows are made in blocks of a fixed number of root rows, each from streams of its own, so that the output is the
same however the work is cut and whoever does it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.errors import ConstraintError
from veridical.core.expression import parse
from veridical.engines.rules.value import Scope, make
from veridical.spec.rules_table import FieldSpec, RulesSpec, RuleTable, field_needs, key_of

BLOCK_ROWS = 65_536
_ATTEMPTS = 60  # at keeping a table's constraints
_MOST_REFERENCED = 5_000_000  # rows of a table that keys refer to: it is held in memory


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of one root table, and at which row each table below it starts."""

    root: str
    index: int
    start: int
    rows: int
    starts: Mapping[str, int]


@dataclass
class Family:
    """Makes the tables of a spec, block by block."""

    spec: RulesSpec
    rows: int  # of the root table
    seed: int
    _whole: dict[str, pa.Table] = field(default_factory=dict)
    _order: dict[str, list[FieldSpec]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.spec = replace(self.spec, tables=tuple(_resolved(table, self.spec) for table in self.spec.tables))
        self._order = {table.name: _in_order(table) for table in self.spec.tables}

    def prepare(self) -> None:
        """Make the tables that keys refer to, so that blocks can be made side by side."""
        for table in self.spec.tables:
            for entry in table.fields:
                if entry.type == "key":
                    self.whole(str(entry.options["table"]))

    def rows_of(self, root: str) -> int:
        """Return the rows of a table without a parent."""
        return self.rows if root == self.spec.root.name else self.spec.table(root).rows

    def blocks(self) -> Iterator[Block]:
        """Yield all blocks, root table after root table."""
        for table in self.spec.tables:
            if table.parent is None:
                yield from self._blocks_of(table)

    def tables(self, block: Block) -> dict[str, pa.Table]:
        """Return the rows of every table that hang on one block, with their owners' rows in order."""
        made = {block.root: self._made(self.spec.table(block.root), block, block.start, block.rows, {}, None)}
        for table in self._below(block.root):
            counts = self._counts(table, block, made[str(table.parent)].num_rows)
            owner = np.repeat(np.arange(len(counts)), counts)
            within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
            parent = self._owners(table, made[str(table.parent)], pa.array(owner))
            made[table.name] = self._made(table, block, block.starts[table.name], len(owner), parent, within)
        return made

    def counts(self, block: Block) -> dict[str, NDArray[np.int64]]:
        """Return the children of every owner, for each table below a block's root."""
        rows, found = {block.root: block.rows}, {}
        for table in self._below(block.root):
            found[table.name] = self._counts(table, block, rows[str(table.parent)])
            rows[table.name] = int(found[table.name].sum())
        return found

    def whole(self, name: str) -> pa.Table:
        """Return a whole table without a parent.

        Raises:
            ConstraintError: it is too large to refer to.
        """
        if name not in self._whole:
            table = self.spec.table(name)
            if self.rows_of(name) > _MOST_REFERENCED:
                raise ConstraintError(
                    f"{self.rows_of(name):,} rows are too many to refer to",
                    where=name,
                    fix="make it the parent of the table instead, or give it fewer rows",
                )
            parts = [self._made(table, block, block.start, block.rows, {}, None) for block in self._blocks_of(table)]
            self._whole[name] = pa.concat_tables(parts).combine_chunks()
        return self._whole[name]

    def _blocks_of(self, table: RuleTable) -> Iterator[Block]:
        below = self._below(table.name)
        starts = {child.name: 0 for child in below}
        total = self.rows_of(table.name)
        for index, start in enumerate(range(0, total, BLOCK_ROWS)):
            block = Block(table.name, index, start, min(BLOCK_ROWS, total - start), dict(starts))
            yield block
            if below:
                for name, counts in self.counts(block).items():
                    starts[name] += int(counts.sum())

    def _below(self, root: str) -> list[RuleTable]:
        inside, found = {root}, []
        for table in self.spec.tables:
            if table.parent in inside:
                inside.add(table.name)
                found.append(table)
        return found

    def _counts(self, table: RuleTable, block: Block, owners: int) -> NDArray[np.int64]:
        if table.children is None:
            return np.ones(owners, dtype=np.int64)
        scope = Scope(table.name, owners, 0, self.seed, block.index)
        counts = make(table.children, scope, ("children",)).cast(pa.float64()).fill_null(0.0)
        return np.maximum(np.rint(counts.to_numpy(zero_copy_only=False)), 0.0).astype(np.int64)

    def _owners(self, table: RuleTable, parent: pa.Table, owner: pa.Array) -> dict[str, pa.Array]:
        return {
            f"{table.parent}.{name}": parent[name].combine_chunks().take(owner)
            for name in parent.column_names
            if name in _read_of_parent(table)
        }

    def _made(
        self,
        table: RuleTable,
        block: Block,
        start: int,
        rows: int,
        parent: Mapping[str, pa.Array],
        within: NDArray[np.int64] | None,
    ) -> pa.Table:
        def attempt(number: int) -> dict[str, pa.Array]:
            scope = Scope(
                table.name, rows, start, self.seed, block.index, number, {}, parent, table.parent, within, self.whole
            )
            for entry in self._order[table.name]:
                scope.columns[entry.name] = make(entry, scope)
            return scope.columns

        columns = attempt(0)
        for number in range(1, _ATTEMPTS + 1):
            broken = _broken(table, columns, parent, rows)
            if broken is None:
                break
            again = attempt(number)
            columns = {name: pc.if_else(broken, again[name], values) for name, values in columns.items()}
        else:
            self._refuse(table, columns, parent, rows)
        return pa.table({name: columns[name] for name in table.names})

    def _refuse(
        self, table: RuleTable, columns: Mapping[str, pa.Array], parent: Mapping[str, pa.Array], rows: int
    ) -> None:
        for rule in table.constraints:
            broken = _broken(replace(table, constraints=(rule,)), columns, parent, rows)
            if broken is not None:
                raise ConstraintError(
                    f"{pc.sum(broken).as_py()} rows cannot be made to keep {rule!r}",
                    where=table.name,
                    fix="narrow the fields it reads, or compute one from the other with a formula",
                )


def _broken(
    table: RuleTable, columns: Mapping[str, pa.Array], parent: Mapping[str, pa.Array], rows: int
) -> pa.Array | None:
    if not table.constraints or rows == 0:
        return None
    whole = pa.table({**columns, **parent})
    kept = pa.repeat(pa.scalar(True), rows)
    for rule in table.constraints:
        # As in SQL, a rule that is neither true nor false is kept.
        kept = pc.and_(kept, parse(rule, whole.column_names).evaluate(whole).fill_null(True))
    return None if pc.all(kept).as_py() else pc.invert(kept)


def _resolved(table: RuleTable, spec: RulesSpec) -> RuleTable:
    def fill(entry: FieldSpec) -> FieldSpec:
        options = dict(entry.options)
        if entry.type == "key":
            options.setdefault("column", key_of(spec.table(str(options["table"]))))
        if entry.type == "lookup":
            options["table"] = table.field(str(options["through"])).options["table"]
        return replace(entry, options=options)

    return replace(table, fields=tuple(fill(entry) for entry in table.fields))


def _in_order(table: RuleTable) -> list[FieldSpec]:
    """Each field after those it is computed from."""
    done: dict[str, FieldSpec] = {}
    while len(done) < len(table.fields):
        for entry in table.fields:
            if entry.name not in done and field_needs(entry, table.names) <= set(done):
                done[entry.name] = entry
    return list(done.values())


def _read_of_parent(table: RuleTable) -> set[str]:
    names = {str(entry.options["column"]) for entry in table.fields if entry.type == "parent"}
    # A column that formulas read is written "owner.column"; any mention is reason enough to carry it.
    text = repr(table)
    return names | {word.split(".", 1)[1] for word in _dotted(text, str(table.parent))}


def _dotted(text: str, owner: str) -> set[str]:
    return set(re.findall(rf"\b{re.escape(owner)}\.[^\W\d]\w*", text))
