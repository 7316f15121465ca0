"""How does what an engine drew become the table the schema promises?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.chunks import narrowed, one_array, whole
from veridical.core.contracts import Allowed, Shard
from veridical.core.restriction import intersect
from veridical.core.schema import Column, Role, TableSchema
from veridical.prepare.codec import Codec, Place
from veridical.prepare.combination import CombinationCodec
from veridical.prepare.formula import Formula
from veridical.prepare.fresh import FabricatedCodec, KeyCodec
from veridical.prepare.plain import codec_of
from veridical.prepare.storage import parse_type, store
from veridical.prepare.unique import Unique, uniques_of
from veridical.prepare.unseen import UnseenCodec

FILE = "restore.json"


@dataclass(frozen=True)
class Restore:
    """Everything known of a table besides its model: how columns are encoded, derived and made up."""

    schema: TableSchema
    codecs: Sequence[Codec]
    formulas: Sequence[Formula] = field(default=())

    @property
    def modelled(self) -> tuple[Column, ...]:
        """The columns an engine generates."""
        return tuple(c for codec in self.codecs for c in codec.modelled if c.role is Role.MODEL)

    @property
    def context(self) -> tuple[Column, ...]:
        """The columns an engine is given."""
        return tuple(c for codec in self.codecs for c in codec.modelled if c.role is Role.CONTEXT)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the final table."""
        return tuple(column.name for column in self.schema.columns if column.role is not Role.DROP)

    @property
    def made_up(self) -> frozenset[str]:
        """The columns that no engine draws, with nothing to condition on: keys, personal data, free text."""
        return frozenset(name for codec in self.codecs if not _draws(codec) for name in codec.names)

    def empty(self) -> pa.Table:
        """Return the final table without rows."""
        kinds = [(name, parse_type(self.schema.column(name).storage)) for name in self.names]
        return pa.schema(kinds).empty_table()

    def plain(self, table: pa.Table) -> pa.Table:
        """Return a table that `apply` gave with every column in its storage type."""
        kinds = {name: parse_type(self.schema.column(name).storage) for name in self.names}
        fields = [field.with_type(kinds.get(field.name, field.type)) for field in table.schema]
        return table.cast(pa.schema(fields))

    def learned_with_values(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the modelled columns behind `names`."""
        behind = [codec.modelled for codec in self.codecs if any(name in names for name in codec.names)]
        return tuple(column.name for columns in behind for column in columns if column.role is Role.MODEL)

    def encode_known(self, cells: pa.Table, rng: np.random.Generator) -> pa.Table:
        """Return the modelled columns that known cells determine; every cell given is known."""
        found = self.encode(cells, cells.column_names)
        for codec in self.codecs:
            some = [name for name in codec.names if name in cells.column_names]
            if isinstance(codec, CombinationCodec) and 0 < len(some) < len(codec.names):
                for name, values in codec.encode_known(cells, rng).items():
                    found = found.append_column(name, values) if found.num_columns else pa.table({name: values})
        return found

    def numbered(
        self, rng: np.random.Generator, *, rows: int, start_row: int, total_rows: int, key: int
    ) -> Mapping[str, pa.Array]:
        """Return the columns that follow from the row's number alone: keys and unique made-up values."""
        place = Place(rows=rows, rng=rng, start_row=start_row, total_rows=total_rows, key=key)
        made: dict[str, pa.Array] = {}
        for codec in self.codecs:
            if isinstance(codec, KeyCodec) or (
                isinstance(codec, FabricatedCodec) and codec.unique and not codec.modelled
            ):
                made |= codec.decode({}, place)
        return made

    def encode(self, table: pa.Table, names: Sequence[str] | None = None, *, narrow: bool = False) -> pa.Table:
        """Return the modelled columns of a table; of the codecs whose columns are all in `names`, when given.

        Where `narrow`, whole numbers and indices come in as few bytes as hold them.
        """
        known = None if names is None else frozenset(names)
        arrays: dict[str, pa.Array] = {}
        for codec in self.codecs:
            if known is None or known.issuperset(codec.names):
                own = codec.encode(table)
                sure = not any(self.schema.column(name).nullable for name in codec.names)
                # A gap that the schema rules out is learned as any other row's value.
                if sure:
                    own = {name: _filled(values, np.random.default_rng(0)) for name, values in own.items()}
                arrays |= {name: narrowed(values) for name, values in own.items()} if narrow else own
        return pa.table(arrays) if arrays else pa.table({"": pa.nulls(table.num_rows)}).select([])

    def apply(
        self,
        drawn: pa.Table,
        rng: np.random.Generator,
        *,
        start_row: int = 0,
        total_rows: int = 0,
        rows: int | None = None,
        key: int = 0,
        context: pa.Table | None = None,
    ) -> pa.Table:
        """Return the schema's columns, in its order, for rows `start_row` onward; `plain` gives them their storage.

        `rows` says how many when nothing is modelled; `key` (the request's seed) makes fresh values fresh;
        `context` holds the context columns, and any other columns whose every cell is known: handed through.
        """
        count = drawn.num_rows if rows is None else rows
        known = {} if context is None else {name: whole(context[name]) for name in context.column_names}
        made: dict[str, pa.Array] = {}
        place = Place(
            rows=count,
            rng=rng,
            start_row=start_row,
            total_rows=total_rows,
            key=key,
            made=made,
            people=int(rng.integers(2**62)),
        )
        for name in (column.name for column in self.schema.columns if column.role is Role.CONTEXT):
            if name in known:
                made[name] = store(known[name], self.schema.column(name).storage)
        arrays = {name: one_array(drawn[name]) for name in drawn.column_names}
        for codec in self.codecs:
            if all(name in made for name in codec.names):
                continue
            for name, values in codec.decode(arrays, place).items():
                nullable = self.schema.column(name).nullable
                values = store(known[name], values.type) if name in known else values
                if not nullable and len(values) and values.null_count == len(values):
                    values = UnseenCodec(self.schema.column(name)).decode({}, place)[name]
                made[name] = values if nullable else _filled(values, rng)
        self._miss_together(made, known, rng)
        for formula in self.formulas:
            made[formula.column.name] = formula.compute(made, count)
            if formula.column.name in known:
                made[formula.column.name] = store(known[formula.column.name], formula.column.storage)
        return pa.table({name: made[name] for name in self.names})

    def _miss_together(
        self, made: dict[str, pa.Array], known: Mapping[str, pa.Array], rng: np.random.Generator
    ) -> None:
        """Let columns that are null together follow the first of them (given cells stay as they are)."""
        for rule in self.schema.constraints:
            names = [name for name in rule.columns if name in made]
            if rule.type != "mutual_missing" or len(names) < 2 or any(name in known for name in names):
                continue
            # Nothing to fill a gap with: then all are gaps.
            empty = any(made[name].null_count == len(made[name]) for name in names)
            there = pa.array(np.zeros(len(made[names[0]]), dtype=bool)) if empty else made[names[0]].is_valid()
            for name in names:
                values = made[name] if empty else _filled(made[name], rng)
                made[name] = pc.if_else(there, values, pa.scalar(None, values.type))

    def spread(
        self,
        table: pa.Table,
        shard: Shard,
        *,
        total_rows: int,
        key: int,
        within: Mapping[str, Allowed] = MappingProxyType({}),
    ) -> pa.Table:
        """Return the table with what must be unique moved apart, and what follows from it computed anew.

        `within` limits columns of every row: values are moved inside these limits.

        Raises:
            ConstraintError: there are fewer values than rows.
        """
        if not self.uniques:
            return table
        for unique in self.uniques:
            table = unique.spread(table, shard, total_rows, key, within)
        return self.derived(table)

    def derived(self, table: pa.Table) -> pa.Table:
        """Return the table with the columns that follow from others computed anew."""
        for formula in self.formulas:
            made = {name: whole(table[name]) for name in table.column_names}
            values = formula.compute(made, table.num_rows)
            table = table.set_column(table.column_names.index(formula.column.name), formula.column.name, values)
        return table

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns of fresh keys that no two rows share."""
        return tuple(codec.column.name for codec in self.codecs if isinstance(codec, KeyCodec) and codec.repeats == 1)

    @cached_property
    def uniques(self) -> tuple[Unique, ...]:
        """The combinations kept unique after drawing."""
        return uniques_of(self.schema, self.codecs)

    def limit(self, limits: Mapping[str, Allowed]) -> Mapping[str, Allowed]:
        """Return limits on modelled columns that every row within `limits` keeps."""
        found: dict[str, Allowed] = {}
        for codec in self.codecs:
            for name in codec.names:
                if name not in limits:
                    continue
                for modelled, allowed in (codec.limit(name, limits[name]) or {}).items():
                    found[modelled] = intersect(found[modelled], allowed) if modelled in found else allowed
        return found

    def save(self, folder: Path) -> None:
        """Write everything as JSON."""
        plain = {
            "codecs": [codec.to_plain() for codec in self.codecs],
            "formulas": [formula.to_plain() for formula in self.formulas],
        }
        (folder / FILE).write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, schema: TableSchema) -> Restore:
        """Return what `save` wrote."""
        plain = json.loads((folder / FILE).read_text(encoding="utf-8"))
        codecs = tuple(codec_of(one, schema) for one in plain["codecs"])
        return cls(schema, codecs, tuple(Formula.from_plain(one, schema) for one in plain["formulas"]))


def _draws(codec: Codec) -> bool:
    return not isinstance(codec, KeyCodec | FabricatedCodec | UnseenCodec)


def _filled(array: pa.Array, rng: np.random.Generator) -> pa.Array:
    """Fill nulls of a column that may hold none with other rows' values."""
    if array.null_count in (0, len(array)):
        return array
    known = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))
    source = np.arange(len(array))
    missing = array.is_null().to_numpy(zero_copy_only=False)
    source[missing] = rng.choice(known, size=int(missing.sum()))
    return array.take(pa.array(source))
