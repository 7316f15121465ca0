"""How is a column in chunks read as one array, and as numbers?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_OF_WIDTH = {32: pa.int32(), 64: pa.int64()}


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


def numbers_of(column: pa.Array | pa.ChunkedArray) -> NDArray[np.float64]:
    """Return numbers, booleans or times (in their own unit) as float64, with nan for null.

    Example:
        >>> numbers_of(pa.chunked_array([[1], [2, None]])).tolist()
        [1.0, 2.0, nan]

    Raises:
        pa.ArrowInvalid: the values are no numbers.
    """
    values = one_array(column)
    if pa.types.is_temporal(values.type):
        values = values.cast(_OF_WIDTH[values.type.bit_width])
    if not pa.types.is_float64(values.type):
        values = values.cast(pa.float64(), safe=False)
    return np.asarray(values.to_numpy(zero_copy_only=False), dtype=np.float64)
