"""How is a column in chunks read as one array, and as numbers?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_WIDTHS = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
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


def narrowed(values: pa.Array) -> pa.Array:
    """Return whole numbers, or the indices of a dictionary, in as few bytes as hold them; others as they are.

    Example:
        >>> narrowed(pa.array([1, 300])).type
        DataType(int16)
    """
    if pa.types.is_dictionary(values.type):
        kind = _least_width(0, len(values.dictionary))
        return pa.DictionaryArray.from_arrays(values.indices.cast(kind), values.dictionary)
    if not pa.types.is_int64(values.type):
        return values
    ends = pc.min_max(values).as_py()
    return values.cast(_least_width(ends["min"] or 0, ends["max"] or 0))


def _least_width(low: int, high: int) -> pa.DataType:
    return next(kind for kind in _WIDTHS if -(2 ** (kind.bit_width - 1)) <= low and high < 2 ** (kind.bit_width - 1))


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
