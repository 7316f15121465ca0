"""What do all measures look at: the evidence, encoded once?"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import RLock
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import DataError
from veridical.core.schema import Column, Kind, Role, TableSchema
from veridical.measures.column import Bins, Codes, Coding, Encoded, Floats, encode

T = TypeVar("T")
_COMPARED_OUT = frozenset({Kind.IDENTIFIER, Kind.PERSONAL, Kind.TEXT})
_views: dict[tuple[int, ...], tuple[View, ...]] = {}


@dataclass(frozen=True, eq=False)
class Side:
    """One table's rows, encoded: numbers and exact codes by column, and `bins` (uint8, columns x rows)."""

    rows: int
    numbers: Mapping[str, Floats]
    codes: Mapping[str, Codes]
    bins: Bins

    def take(self, rows: NDArray[np.int64]) -> Side:
        """Return some of the rows."""
        return Side(
            rows=len(rows),
            numbers={name: values[rows] for name, values in self.numbers.items()},
            codes={name: values[rows] for name, values in self.codes.items()},
            bins=np.ascontiguousarray(self.bins[:, rows]),
        )

    @cached_property
    def ordered(self) -> Mapping[str, Floats]:
        """The present numbers of each column, sorted; made when first asked for."""
        return {name: np.sort(values[~np.isnan(values)]) for name, values in self.numbers.items()}


@dataclass(frozen=True, eq=False, kw_only=True)
class View:
    """One table of the evidence as measures see it.

    Figures compare `fake` (synthetic) with `reference` (the holdout, or train when there is none). The ceiling is
    the same figure of `peer` (train played as synthetic) against `reference`: fake and peer have equally many
    rows, and copying train can reach the ceiling but not beat it. `train`, `synthetic` and `holdout` are whole.
    """

    schema: TableSchema
    codings: tuple[Coding, ...]
    train: Side
    synthetic: Side
    holdout: Side | None
    tables: Mapping[str, pa.Table]
    seed: int
    rare_below: int = 5
    scope_prefix: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    _made: dict[Any, Any] = field(default_factory=dict)
    _lock: RLock = field(default_factory=RLock)

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """Return what `make` returned the first time this key was asked for (fitted models, shared tables)."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            return self._made[key]

    def scope(self, *columns: str) -> tuple[str, ...]:
        """Return the scope of a finding on some columns: the table's name stands first where there are several."""
        return (*self.scope_prefix, *columns)

    def rng(self, *path: str | int) -> np.random.Generator:
        """Return the random stream of one place."""
        return RunContext(seed=self.seed).rng("measures", *self.scope_prefix, *path)

    def at(self, name: str) -> int:
        """Return a column's place in `codings` and in `bins`."""
        return self._places[name]

    def coding(self, name: str) -> Coding:
        """Return a column's coding."""
        return self.codings[self._places[name]]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {coding.name: place for place, coding in enumerate(self.codings)}

    @property
    def names(self) -> tuple[str, ...]:
        """The compared columns."""
        return tuple(coding.name for coding in self.codings)

    @property
    def numeric(self) -> tuple[Coding, ...]:
        """The columns compared as numbers."""
        return tuple(coding for coding in self.codings if coding.is_number)

    @property
    def categorical(self) -> tuple[Coding, ...]:
        """The columns compared as categories."""
        return tuple(coding for coding in self.codings if not coding.is_number)

    @property
    def reference(self) -> Side:
        """The real rows that synthetic is held against: the holdout, else train."""
        return self.train if self.holdout is None else self.holdout

    @property
    def reference_name(self) -> str:
        """ "holdout" or "train"."""
        return "train" if self.holdout is None else "holdout"

    @cached_property
    def fake(self) -> Side:
        """Synthetic rows, no more than train has."""
        return cut_down(self.synthetic, self.train.rows, self.rng("view", "fake"))

    @cached_property
    def peer(self) -> Side | None:
        """Train rows played as synthetic, no more than there are synthetic ones; None without a holdout."""
        if self.holdout is None:
            return None
        return cut_down(self.train, self.synthetic.rows, self.rng("view", "peer"))

    @cached_property
    def independent(self) -> Side:
        """The naive generator: each column of train drawn on its own, so marginals hold and nothing else does."""
        rng = self.rng("view", "independent")
        source = self.peer if self.peer is not None else self.train
        orders = {name: rng.permutation(source.rows) for name in self.names}
        bins = np.stack([source.bins[place][orders[name]] for place, name in enumerate(self.names)])
        return Side(
            rows=source.rows,
            numbers={name: values[orders[name]] for name, values in source.numbers.items()},
            codes={name: values[orders[name]] for name, values in source.codes.items()},
            bins=bins,
        )

    def coarse(self, side: Side, groups: int = 10) -> Bins:
        """Return bins merged to about `groups` of equal mass in train (a spike keeps its own), columns x rows."""
        tables = self.once(
            ("coarse", groups), lambda: [self._merged(place, groups) for place in range(len(self.names))]
        )
        key = ("coarse", groups, id(side))
        made = self.once(key, lambda: np.stack([table[row] for table, row in zip(tables, side.bins)]))
        # The side is kept beside its result, so that its id cannot come to mean another one.
        self.once(("kept", id(side)), lambda: side)
        return made

    def coarse_widths(self, groups: int = 10) -> tuple[int, ...]:
        """Return how many coarse bins each column has, missing included."""
        tables = self.once(
            ("coarse", groups), lambda: [self._merged(place, groups) for place in range(len(self.names))]
        )
        return tuple(int(table.max()) + 1 for table in tables)

    def _merged(self, place: int, groups: int) -> Bins:
        coding = self.codings[place]
        counts = np.bincount(self.train.bins[place], minlength=coding.width)
        if not coding.is_number:
            kept = min(coding.levels, 2 * groups)
            table = np.minimum(np.arange(coding.width), kept)
        else:
            enough = max((counts[:-1].sum() - 1) / groups, 1)
            reached = np.cumsum(counts[:-1]) - counts[:-1] / 2
            heavy = counts[:-1] >= enough
            # A heavy bin stands alone: groups break before and after it.
            breaks = np.zeros(coding.width - 1, np.int64)
            breaks[1:] = (np.floor(reached[1:] / enough) != np.floor(reached[:-1] / enough)) | heavy[1:] | heavy[:-1]
            table = np.r_[np.cumsum(breaks), 0]
        table[-1] = table[:-1].max(initial=-1) + 1
        return table.astype(np.uint8)


def of(evidence: Evidence, ctx: RunContext) -> tuple[View, ...]:
    """Return the views of the evidence's tables; made once and kept as long as the synthetic data lives.

    Raises:
        DataError: the schema says number and a cell cannot be read as one, or no column can be compared.
    """
    key = (id(evidence.train), id(evidence.synthetic), id(evidence.holdout), id(evidence.schema), ctx.seed)
    if key not in _views:
        _views[key] = tuple(_build(evidence, name, ctx) for name in _shared_tables(evidence))
        for data in (evidence.train, evidence.synthetic, evidence.holdout):
            if isinstance(data, Dataset):
                weakref.finalize(data, _views.pop, key, None)
    return _views[key]


def build(evidence: Evidence, ctx: RunContext) -> View:
    """Return the view of evidence of one table, encoded anew.

    Raises:
        DataError: there are several tables, no column can be compared, or a cell is not of the schema's kind.
    """
    return _build(evidence, evidence.train.name, ctx)


def _shared_tables(evidence: Evidence) -> list[str]:
    sides = [evidence.train, evidence.synthetic, *([evidence.holdout] if evidence.holdout is not None else [])]
    names = [table.name for table in evidence.schema.tables if all(table.name in side.tables for side in sides)]
    if not names and all(len(side.tables) == 1 for side in sides):
        return [evidence.train.name]  # one table a side, under whatever name
    return names


def _table(data: Dataset, name: str) -> pa.Table:
    found = data.tables.get(name)
    return data.only if found is None else found


def _build(evidence: Evidence, name: str, ctx: RunContext) -> View:
    several = len(evidence.schema.tables) > 1
    schema = evidence.schema.table(name) if several else evidence.schema.only
    tables = {"train": _table(evidence.train, name), "synthetic": _table(evidence.synthetic, name)}
    if evidence.holdout is not None:
        tables["holdout"] = _table(evidence.holdout, name)
    wanted = [column for column in schema.columns if column.role is not Role.DROP and column.kind not in _COMPARED_OUT]
    shared = [column for column in wanted if all(column.name in table.column_names for table in tables.values())]
    usable = [column for column in shared if tables["train"].column(column.name).null_count < tables["train"].num_rows]
    if not usable:
        raise DataError("no column can be compared", where=name, fix="give tables that share columns and have rows")
    encoded = [item for item in (_encoded(column, tables) for column in usable) if item is not None]
    if not encoded:
        raise DataError("no column can be compared", where=name, fix="give tables whose columns hold the same types")
    sides = {side: _side(encoded, place, tables[side].num_rows) for place, side in enumerate(tables)}
    return View(
        schema=replace(schema, name=name),
        codings=tuple(item.coding for item in encoded),
        train=sides["train"],
        synthetic=sides["synthetic"],
        holdout=sides.get("holdout"),
        tables=tables,
        seed=ctx.seed,
        rare_below=evidence.schema.rare_below,
        scope_prefix=(name,) if several else (),
        left_out=tuple(column.name for column in wanted if column.name not in {item.coding.name for item in encoded}),
    )


def _encoded(column: Column, tables: Mapping[str, pa.Table]) -> Encoded | None:
    try:
        return encode(column, [table.column(column.name) for table in tables.values()])
    except DataError:
        return None  # cells that are not of the column's kind: left out, and said so by `fidelity.column`


def _side(encoded: list[Encoded], place: int, rows: int) -> Side:
    bins = np.empty((len(encoded), rows), np.uint8)
    for row, item in enumerate(encoded):
        bins[row] = item.coding.bins(item.values[place])
    return Side(
        rows=rows,
        numbers={item.coding.name: item.values[place] for item in encoded if item.coding.is_number},
        codes={item.coding.name: item.values[place] for item in encoded if not item.coding.is_number},
        bins=bins,
    )


def cut_down(side: Side, most: int, rng: np.random.Generator) -> Side:
    """Return a side, or `most` of its rows drawn at random."""
    if side.rows <= most:
        return side
    return side.take(np.sort(rng.choice(side.rows, most, replace=False)))
