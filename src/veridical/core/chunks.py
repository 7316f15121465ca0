"""How is a column in chunks read as one array?"""

from __future__ import annotations

import pyarrow as pa


def one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column as one array, its dictionary kept (unified where the chunks have several).

    Example:
        >>> one_array(pa.chunked_array([[1], [2, None]])).to_pylist()
        [1, 2, None]
    """
    if isinstance(column, pa.Array):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.unify_dictionaries().chunks) if column.num_chunks else pa.array([], column.type)


def whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return a column as one array of plain values.

    Example:
        >>> whole(pa.array(["a", "a"]).dictionary_encode()).to_pylist()
        ['a', 'a']
    """
    array = one_array(column)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
