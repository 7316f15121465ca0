"""How are the rows of a table drawn, given their owners: each alone, like its siblings, or one after another?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from veridical.core.contracts import Generator, SampleRequest, Shard
from veridical.core.rng import derive
from veridical.engines.relational import following, sibling, strand
from veridical.engines.relational.fitting import kind_labels
from veridical.engines.relational.injected import law_of
from veridical.engines.relational.made import Made
from veridical.engines.relational.model import TableModel
from veridical.engines.relational.plan import kind_name
from veridical.prepare.codec import whole
from veridical.prepare.link import Rows

if TYPE_CHECKING:
    from veridical.engines.relational.making import Maker

BATCH_ROWS = 131_072
Context = Mapping[str, pa.Array]


def rows(
    maker: Maker, name: str, model: TableModel, table: Made, context: Context, made: Mapping[str, Made]
) -> pa.Table | None:
    """Return the drawn columns of a table's rows, or None where there is nothing to draw.

    Args:
        maker: Who asks: the graph, the request and its randomness.
        name: The table.
        model: What is learned of it.
        table: Its rows so far: their owners, and the times that are dealt out.
        context: What each row is told.
        made: The tables above.
    """
    if model.generator is None or not table.rows:
        return None
    maker.ctx.progress(f"table {name}", done=0, total=table.rows)
    seed, owner = derive(maker.asked.seed, "table", name), maker.graph.owner.get(name)
    if owner is None:
        return _sampled(model.generator, table.rows, context, seed)
    if model.strands is not None:
        return _of_strands(maker, model, table, made, owner, seed)
    if model.order is not None:
        labels, times = kind_labels(table.given[kind_name(owner)]), table.columns.get(model.order)
        return following.drawn(law_of(model.generator), context, table.above[owner], labels, seed, times)
    if not model.siblings:
        return _sampled(model.generator, table.rows, context, seed)
    rounds = sibling.Rounds.of(table.above[owner], maker.rng("siblings", name))
    generator = model.generator

    def draw(turn: int, some: Rows, extra: Context) -> pa.Table:
        given = {one: held.take(pa.array(some)) for one, held in context.items()}
        return _sampled(generator, len(some), {**given, **extra}, derive(seed, "round", turn))

    return sibling.drawn(model.siblings, rounds, draw)


def _sampled(generator: Generator, count: int, context: Context, seed: int) -> pa.Table:
    given = pa.table(dict(context)) if context else None
    request = SampleRequest(rows=count, seed=seed, context=given)
    batches = -(-count // BATCH_ROWS)
    parts = []
    for index in range(batches):
        start = index * BATCH_ROWS
        drawn = generator.sample(request, Shard(index, batches, start, min(BATCH_ROWS, count - start))).only
        parts.append(drawn.select([column for column in drawn.column_names if column not in context]))
    return pa.concat_tables(parts)


def _of_strands(
    maker: Maker, model: TableModel, table: Made, made: Mapping[str, Made], owner: int, seed: int
) -> pa.Table:
    """Return rows of several series of one parent: which series each belongs to first, then each in its order."""
    assert model.strands is not None
    assert model.generator is not None
    graph, strands, schema = maker.graph, model.strands, maker.schema.table(model.plan.schema.name)
    base = maker.base(owner, table.above[owner], made[graph.links[owner].parent])
    roots, times = strand.roots_and_times(strands, graph, owner, base, made, schema)
    offer = made[graph.links[strands.root].parent].offer
    told = {} if offer is None else {one: offer[one] for one in model.context if one in offer.column_names}
    given = {one: whole(held).take(pa.array(roots)) for one, held in told.items()}
    return strand.drawn(strands, law_of(model.generator), given, roots, times, seed, schema)
