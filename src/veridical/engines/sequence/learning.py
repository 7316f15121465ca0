"""How is the law of one table's sequences learned?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from veridical.core.contracts import RunContext
from veridical.core.errors import DataError
from veridical.core.schema import CATEGORY_KINDS, Column, TableSchema
from veridical.encode.lattice import levels
from veridical.encode.panel import Layout, Numbers, Ordered, Places, filled, in_order, numbers, places
from veridical.encode.spelled import spelling_of
from veridical.engines.sequence import parts, since, telling
from veridical.engines.sequence.clock import Timed, learn_clock
from veridical.engines.sequence.entity import FEW, attributes_of, learn_roster
from veridical.engines.sequence.finish import TICK
from veridical.engines.sequence.fitting import Fitter, Source, beginnings
from veridical.engines.sequence.gaps import fit_gaps
from veridical.engines.sequence.model import Sequences, step_model
from veridical.engines.sequence.settling import settled
from veridical.engines.sequence.telling import Telling
from veridical.engines.sequence.trial import framed
from veridical.engines.sequence.values import Learner, Measured
from veridical.prepare import Restore, prepare
from veridical.prepare.codec import whole
from veridical.prepare.number import grid_of
from veridical.prepare.storage import store

FINEST = 10.0  # times finer than values lie apart is a grid that only the way of storing them has


def fit_sequences(rows: pa.Table, schema: TableSchema, ctx: RunContext, *, rare_below: int = 5) -> Sequences:
    """Return the law of a table whose rows are sequences; `schema.series` and `schema.order_by` say whose and when.

    Raises:
        SchemaError: the schema names no sequence, or disagrees with the data.
        DataError: no row has a time.
    """
    spelled = spelling_of(schema)
    if spelled is not None:
        parts.checked(schema, rows)
        law = fit_sequences(spelled.told(rows), spelled.schema(schema), ctx, rare_below=rare_below)
        return replace(law, spelled=spelled)
    series, time = parts.checked(schema, rows)
    ordered = in_order(rows, series, time)
    if ordered.layout.rows == 0:
        raise DataError("no row has a time", where=time, fix="name another column as order_by")
    _check_lengths(ordered.layout, schema)
    dated = replace(schema.column(time), low=None, high=None, nullable=False, unique=False)
    timed = learn_clock(ordered.table, dated, ordered.layout, rare_below=rare_below, ctx=ctx)
    columns = parts.split(schema, ordered.table, ordered.layout, timed.ticks)
    restore, measured, tellings = _prepared(ordered, schema, columns, rare_below, ctx)
    source = Source(ordered, timed.ticks, timed.runs, measured, ordered.layout.entities < FEW)
    return _fit_laws(source, schema, columns, timed, restore, tellings, Learner(rare_below=rare_below), ctx)


def _fit_laws(
    source: Source, schema: TableSchema, columns: parts.Columns, timed: Timed, restore: Restore,
    tellings: list[Telling], learner: Learner, ctx: RunContext,
) -> Sequences:  # fmt: skip
    layout, few = source.layout, source.few
    fitter = Fitter(schema, columns, timed.clock, _shared(source.ordered.table, columns, source.ticks), learner, ctx)
    tellings = framed(source, tellings, fitter)
    shown = fitter.shown(source, tellings)
    ctx.progress("gaps", done=0, total=1)
    gaps = fit_gaps(shown.entity.within(timed.runs), source.ticks, timed.clock, step_model(), ctx, learner, few=few)
    ctx.progress("steps", done=0, total=1)
    law = fitter.law(source, shown, restore)
    ctx.progress("entities", done=0, total=1)
    traits = shown.traits if law.values is None else beginnings(law.values, shown, source)
    attributes = attributes_of(source.ordered, columns)
    roster = learn_roster(attributes, schema, traits, source.measured.vocabularies, ctx, rare_below=learner.rare_below)
    ctx.progress("entities", done=1, total=1)
    law = replace(law, roster=roster, gaps=gaps)
    if law.trend is None:
        return law
    return settled(law, source.measured.numbers, layout, source.ticks, ctx.seed)


def _check_lengths(layout: Layout, schema: TableSchema) -> None:
    if layout.lengths.max() < 2:
        raise DataError(
            "every entity has one row: nothing follows anything",
            where=", ".join(schema.series or ()) or schema.name,
            fix="learn it as a plain table: take `series` out of the schema",
        )


def _prepared(
    ordered: Ordered, schema: TableSchema, columns: parts.Columns, rare_below: int, ctx: RunContext
) -> tuple[Restore, Measured, list[Telling]]:
    schema = since.schema_of(schema, columns.since)
    moving = parts.schema_of(schema, columns.moving)
    if not columns.moving:
        return Restore(moving, ()), Measured({}, {}, {}), []
    table = since.told(ordered.table, columns.since, columns.time)
    table = protected(table, moving, ordered.layout, rare_below)
    ready = prepare(table, moving, rare_below=rare_below, ctx=ctx)
    held: dict[str, Numbers] = {}
    words: dict[str, Numbers] = {}
    vocabularies: dict[str, tuple[str, ...]] = {}
    numeric: list[Column] = []
    for column in ready.columns:
        array = whole_kept(ready.table[column.name])
        if pa.types.is_dictionary(array.type):
            vocabularies[column.name] = tuple(str(word) for word in array.dictionary.to_pylist())
            words[column.name] = places(array, vocabularies[column.name])
        else:
            numeric.append(column)
            held[column.name] = numbers(array)
    sides = parts.partners(schema, [column.name for column in numeric])
    by_name = {column.name: column for column in numeric}
    tellings = [_telling(by_name[name], held[name], *sides[name], ordered.layout, rare_below) for name in sides]
    return ready.restore, Measured({t.name: held[t.name] for t in tellings}, words, vocabularies), tellings


def whole_kept(column: pa.ChunkedArray) -> pa.Array:
    """Return one array of a column, dictionaries kept."""
    unified = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column
    return unified.combine_chunks() if unified.num_chunks != 1 else unified.chunk(0)


def protected(table: pa.Table, schema: TableSchema, layout: Layout, rare_below: int) -> pa.Table:
    """Return the table with categories that too few entities hold replaced by what the entity held before.

    With fewer than `4 * rare_below` entities there is no crowd to hide in, and rows are what counts.
    """
    if layout.entities < 4 * rare_below:
        return table
    for column in schema.columns:
        if column.kind not in CATEGORY_KINDS or column.public or column.name not in table.column_names:
            continue
        coded = whole(table[column.name]).dictionary_encode()
        codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        pairs = np.unique(np.stack([codes, layout.owner]), axis=1)
        carriers = np.bincount(pairs[0][pairs[0] >= 0], minlength=len(coded.dictionary))
        rare = (codes >= 0) & (carriers[np.maximum(codes, 0)] < rare_below)
        if not rare.any() or not (carriers >= rare_below).any():
            continue
        safe = filled(np.where(rare | (codes < 0), np.nan, codes), layout)
        common = np.flatnonzero(carriers >= rare_below)
        nearest = np.where(np.isin(np.rint(safe), common), np.rint(safe), carriers.argmax())
        mended = np.where(rare, nearest, codes).astype(np.int64)
        array = coded.dictionary.take(pa.array(np.maximum(mended, 0), mask=mended < 0))
        table = table.set_column(
            table.column_names.index(column.name), column.name, store(array, str(coded.dictionary.type))
        )
    return table


def _telling(
    column: Column, values: Numbers, lows: tuple[str, ...], highs: tuple[str, ...], layout: Layout, rare_below: int
) -> Telling:
    known = values[~np.isnan(values)]
    owners, unit = layout.owner if layout.entities >= 4 * rare_below else None, grid_of(column)
    kept = levels(values, rare_below, owners, even_too=not _is_plain(unit, known))
    draft = Telling(name=column.name, lows=lows, highs=highs, unit=unit, levels=() if kept is None else tuple(kept))
    if len(known) and known.min() > 0:
        logs = np.log(known)
        spread = float(np.quantile(known, 0.98) / np.quantile(known, 0.02))
        skewed = abs(_skewness(logs)) < abs(_skewness(known))
        draft = replace(draft, log=bool(skewed and spread > 2.0))
    elif len(known):
        draft = replace(draft, soft=_soft(known))
    with np.errstate(invalid="ignore"):
        low = np.fmin.reduceat(values, layout.firsts)
        high = np.fmax.reduceat(values, layout.firsts)
    return telling.with_range(draft, values, (low, high), rare_below)


def _is_plain(unit: float | None, known: Numbers) -> bool:
    """Say whether a grid is one of decimals, as fine as values are: no gauge's steps, and none in single precision."""
    if unit is None or not len(known):
        return False
    decimal = abs(unit - 10.0 ** round(np.log10(unit))) < 1e-9 * unit or float(unit).is_integer()
    return decimal and FINEST * unit >= telling.resolution(known)


def _soft(known: Numbers) -> float | None:
    """Return where a scale that is logarithmic on both sides of zero begins; None where values are of one size."""
    sizes = np.abs(known[known != 0])
    if len(sizes) < 0.5 * len(known):
        return None
    small, middle, large = np.quantile(sizes, (0.1, 0.5, 0.98))
    if large < 8 * middle or small <= 0:
        return None
    soft = float(small)
    return soft if abs(_skewness(np.arcsinh(known / soft))) < abs(_skewness(known)) else None


def _skewness(values: Numbers) -> float:
    spread = float(values.std())
    return 0.0 if spread == 0 else float(np.mean(((values - values.mean()) / spread) ** 3))


def _shared(table: pa.Table, columns: parts.Columns, ticks: Places) -> pa.Table | None:
    if not columns.shared:
        return None
    seen, first = np.unique(ticks, return_index=True)
    held = table.select(list(columns.shared)).take(pa.array(first))
    return held.append_column(TICK, pa.array(seen))
