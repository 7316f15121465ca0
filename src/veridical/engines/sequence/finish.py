"""How do drawn steps become the schema's table, every rule kept?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from veridical.encode.panel import Layout, Numbers, Places, words
from veridical.engines.sequence import since
from veridical.engines.sequence.values import Measured
from veridical.prepare import Restore
from veridical.prepare.codec import whole
from veridical.prepare.formula import learn_formulas
from veridical.prepare.storage import store
from veridical.prepare.violation import row_rules

if TYPE_CHECKING:
    from veridical.engines.sequence.model import Sequences

TICK = "tick"


def finished(
    law: Sequences, attributes: pa.Table, layout: Layout, ticks: Places, measured: Measured | None, rows: Places,
    rng: np.random.Generator,
) -> pa.Table:  # fmt: skip
    """Return the schema's columns of some rows, in its order and types."""
    owner = pa.array(layout.owner[rows])
    made: dict[str, pa.Array] = {}
    for name in law.columns.attributes:
        made[name] = store(whole(attributes[name]).take(owner), law.schema.column(name).storage)
    made[law.columns.time] = law.clock.stored(law.clock.counts(ticks[rows]))
    if law.shared is not None:
        made |= _shared(law.shared, ticks[rows])
    drawn = _drawn(law, measured, rows)
    moving = law.restore.apply(drawn, rng, rows=len(rows), total_rows=len(rows), key=int(rng.integers(2**31)))
    made |= {name: whole(moving[name]) for name in moving.column_names}
    made |= {name: since.at(made[law.columns.time], made[name]) for name in law.columns.since if name in made}
    names = [name for name in (column.name for column in law.schema.columns) if name in made]
    table = pa.table({name: store(made[name], law.schema.column(name).storage) for name in names})
    table = _lawful(law, table, layout.owner[rows])
    return table if law.spelled is None else law.spelled.written(table)


def _drawn(law: Sequences, measured: Measured | None, rows: Places) -> pa.Table:
    if measured is None:
        return pa.table({"": pa.nulls(len(rows))}).select([])
    kinds = {column.name: column for column in law.restore.modelled}
    arrays: dict[str, pa.Array] = {}
    for name, held in measured.numbers.items():
        arrays[name] = _numbers(held[rows], whole_numbers=kinds[name].storage == "int64")
    for name, held in measured.words.items():
        arrays[name] = words(held[rows], measured.vocabularies[name])
    return pa.table(arrays)


def _numbers(values: Numbers, *, whole_numbers: bool) -> pa.Array:
    null = np.isnan(values)
    if whole_numbers:
        return pa.array(np.rint(np.where(null, 0.0, values)).astype(np.int64), mask=null)
    return pa.array(values, mask=null)


def _shared(known: pa.Table, ticks: Places) -> dict[str, pa.Array]:
    """Return what follows from the time: as it was at that tick, or at the last one known before it."""
    seen = known[TICK].to_numpy()
    place = np.clip(np.searchsorted(seen, ticks, side="right") - 1, 0, len(seen) - 1)
    found = known.drop_columns([TICK]).take(pa.array(place))
    return {name: whole(found[name]) for name in found.column_names}


def _lawful(law: Sequences, table: pa.Table, owner: Places) -> pa.Table:
    """Return the table with formulas computed, and rows that break a rule replaced by the entity's last good ones."""
    formulas = learn_formulas(law.schema)
    if formulas:
        table = Restore(law.schema, (), formulas).derived(table)
    rules = [rule for rule in row_rules(law.schema) if set(rule.expression.columns) <= set(table.column_names)]
    broken = np.zeros(table.num_rows, dtype=bool)
    for rule in rules:
        broken |= rule.broken(table)
    if not broken.any() or not law.columns.moving:
        return table
    index = np.arange(table.num_rows)
    source = np.maximum.accumulate(np.where(broken, -1, index))
    follow = np.minimum.accumulate(np.where(broken, table.num_rows, index)[::-1])[::-1]
    same = (source >= 0) & (owner[np.maximum(source, 0)] == owner)
    later = np.where(follow < table.num_rows, follow, index)
    source = np.where(same, source, np.where(owner[later] == owner, later, index))
    moving = [name for name in law.columns.moving if name in table.column_names]
    for name in moving:
        at, values = table.column_names.index(name), whole(table[name])
        if name in law.columns.since:
            time = whole(table[law.columns.time])
            values = since.at(time, since.between(time, values).take(pa.array(source)))
        else:
            values = values.take(pa.array(source))
        table = table.set_column(at, name, values)
    return Restore(law.schema, (), formulas).derived(table) if formulas else table
