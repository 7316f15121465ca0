"""Which categories of a table belong to a handful of people, however many rows each of them has?

A city that one customer has stands in each of that customer's orders: by rows it is common, by people it is not.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.schema import CATEGORY_KINDS, Column, Kind, Schema
from veridical.engines.relational.graph import Graph
from veridical.prepare.codec import whole
from veridical.prepare.link import Pointing, Rows


def people_of(name: str, schema: Schema, graph: Graph, pointing: Sequence[Pointing], rows: int) -> Rows | None:
    """Return whom each row belongs to: the row of the nearest table above that holds personal data; None without one.

    A row that belongs to nobody is somebody of its own.
    """
    above, found = name, np.arange(rows)
    climbed = False
    while not any(column.kind is Kind.PERSONAL for column in schema.table(above).columns):
        owner = graph.owner.get(above)
        if owner is None:
            return None
        pointed = pointing[owner].rows
        up = np.append(pointed, -1)[np.where(found < len(pointed), found, len(pointed))]
        found = np.where(up < 0, 2**40 + np.arange(rows), up)
        above, climbed = graph.links[owner].parent, True
    return found if climbed else None


def without_rare(
    column: Column, values: pa.ChunkedArray | pa.Array, people: Rows | None, rare_below: int
) -> pa.ChunkedArray | pa.Array:
    """Return a column of categories without those that fewer than `rare_below` people have.

    They become null where the column may be, else the commonest category that is left.
    """
    if people is None or column.kind not in CATEGORY_KINDS or column.kind is Kind.BOOLEAN or column.public:
        return values
    encoded = whole(values).dictionary_encode()
    size = len(encoded.dictionary)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    known = codes >= 0
    _, who = np.unique(people, return_inverse=True)
    pairs = np.unique(who.ravel()[known] * max(1, size) + codes[known])
    carried = np.bincount(pairs % max(1, size), minlength=size)
    rare = carried < rare_below
    if not rare.any() or rare.all():
        return values
    common = int(np.argmax(np.where(rare, -1, np.bincount(codes[known], minlength=size))))
    swapped = np.where(rare, common, np.arange(size))
    plain = encoded.dictionary.take(pa.array(swapped[np.maximum(codes, 0)]))
    gone = ~known | (rare[np.maximum(codes, 0)] if column.nullable else np.zeros(len(codes), dtype=bool))
    return pc.if_else(pa.array(gone), pa.scalar(None, plain.type), plain)
