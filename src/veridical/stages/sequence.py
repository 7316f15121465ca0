"""How are sequences split, fitted and continued: by whole entities, or by stretches of time where there are a few?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError
from veridical.core.schema import Schema
from veridical.stages.holdout import Split, split

if TYPE_CHECKING:
    from veridical.stages.model import Recipe

ENGINE = "sequence"
LEAST_TAKEN, MOST_SHARE = 80, 0.48  # rows of few series that are taken out, so that enough are kept back to measure by


def is_sequence(schema: Schema) -> bool:
    """Say whether the only table's rows are sequences."""
    return len(schema.tables) == 1 and schema.only.is_sequence


def recipe_for(recipe: Recipe, schema: Schema) -> Recipe:
    """Return the recipe, with the sequence engine in place of the default where rows are sequences."""
    if recipe.engine == "tree" and is_sequence(schema) and not recipe.options:
        return replace(recipe, engine=ENGINE)
    return recipe


def split_sequences(data: Dataset, share: float, ctx: RunContext, schema: Schema) -> Split:
    """Return the data with a share of whole entities kept back; of ten or fewer, stretches all over their time.

    Series too short for that are cut at their ends. Rows beside a stretch that is kept back are on neither side.

    Raises:
        DataError: there are too few rows to learn from.
        SpecError: the share is not between 0 and 0.9.
    """
    if share == 0 or not is_sequence(schema):
        return split(data, share, ctx, unit=schema.only.unit)
    from veridical.encode.hole import FEW
    from veridical.encode.panel import owners

    owner = owners(data.only, schema.only.series or ())
    entities = int(owner.max(initial=-1)) + 1
    if entities > FEW:
        # Of fewer than ten that are left no law could be learned: they would be taken for stations, names and all.
        aside_count = min(max(1, round(entities * share)), entities - FEW)
        chosen = ctx.rng("holdout").permutation(entities)[:aside_count]
        aside = np.isin(owner, chosen)
        return Split(_taken(data, ~aside), _taken(data, aside))
    split(data, share, ctx)  # checks the share and the number of rows
    return _split_in_time(data, share, ctx, schema)


def _split_in_time(data: Dataset, share: float, ctx: RunContext, schema: Schema) -> Split:
    from veridical.encode.hole import stretches
    from veridical.encode.panel import in_order, times_of
    from veridical.encode.spelled import with_time

    table, told = with_time(data.only, schema.only)
    assert told.order_by is not None
    ordered = in_order(table, told.series or (), told.order_by)
    layout, times = ordered.layout, times_of(ordered.table, told.column(told.order_by))
    least = min(LEAST_TAKEN / layout.rows, MOST_SHARE)
    masks = stretches(times, layout, max(share, least), ctx.rng("holdout"))
    if masks is None:
        early = layout.position < np.rint(layout.lengths * (1 - share))[layout.owner]
        masks = early, ~early
    whole = Dataset.of(ordered.table.select(data.only.column_names), data.name)
    return Split(_taken(whole, masks[0]), _taken(whole, masks[1]))


def _taken(data: Dataset, mask: np.ndarray) -> Dataset:
    return Dataset.of(data.only.filter(pa.array(mask)).combine_chunks(), data.name)


def go_on(generator: Any, prefix: pa.Table, steps: int, *, seed: int) -> pa.Table:
    """Return the next rows of every entity in `prefix`.

    Raises:
        SpecError: the generator is not one of sequences.
    """
    continued = getattr(generator, "continued", None)
    if continued is None:
        raise SpecError("this model knows no sequences", where="continue", fix="fit one with --engine sequence")
    found: pa.Table = continued(prefix, steps, seed=seed).only
    return found


def write_continuation(model: Path, prefix: Path, output: Path, *, steps: int, seed: int, form: str) -> int:
    """Write the next rows of every entity in a file, and return how many.

    Raises:
        VeridicalError: the model is not one of sequences, or the past does not fit it.
    """
    from veridical.connect.source import read
    from veridical.stages.model import open_model
    from veridical.store.tablefile import writing_table

    opened = open_model(model)
    past = as_declared(read(prefix).only, opened.generator.schema)
    table = go_on(opened.generator, past, steps, seed=seed)
    with writing_table(output, form, table.schema) as write:
        write(table)
    return table.num_rows


def as_declared(table: pa.Table, schema: Schema) -> pa.Table:
    """Return the table with columns of numbers and times in the types the schema tells, where they can be read so."""
    from veridical.prepare.storage import store

    kinds: Mapping[str, str] = {column.name: column.storage for column in schema.only.columns}
    for name in table.column_names:
        if name in kinds and str(table[name].type) != kinds[name]:
            table = table.set_column(
                table.column_names.index(name), name, store(table[name].combine_chunks(), kinds[name])
            )
    return table
