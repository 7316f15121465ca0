"""Is this the same content as before?"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

# numpy and pyarrow are imported where tables are hashed: a command that hashes text starts without them.

WINDOW_ROWS = 65_536


def of_bytes(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def of_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hex, read in blocks of 1 MiB."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces: equal values give equal text.

    Example:
        >>> canonical_json({"b": 1, "a": [2]})
        '{"a":[2],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def of_json(value: Any) -> str:
    """Return the SHA-256 of a JSON-like value, whatever the order of its keys."""
    return of_bytes(canonical_json(value).encode())


def of_table(table: pa.Table) -> str:
    """Return the SHA-256 of a table's names, types and values.

    Chunking, dictionary encoding and what lies under nulls do not count; row order does.

    Example:
        >>> import pyarrow as pa
        >>> one = pa.table({"a": [1, None]})
        >>> two = pa.concat_tables([pa.table({"a": pa.array([1])}), pa.table({"a": pa.array([None], pa.int64())})])
        >>> of_table(one) == of_table(two)
        True
    """
    import pyarrow as pa

    state = hashlib.sha256()
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        state.update(f"{name}\x1f{kind}\x1f{len(column)}\x1e".encode())
        for start in range(0, len(column), WINDOW_ROWS):
            _update_with_array(state, column.slice(start, WINDOW_ROWS).combine_chunks())
    return state.hexdigest()


def _update_with_array(state: Any, array: Any) -> None:
    import numpy as np
    import pyarrow as pa

    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    state.update(np.packbits(array.is_null().to_numpy(zero_copy_only=False)).tobytes())
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        _update_with_text(state, array.fill_null("").cast(pa.large_binary()))
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        zero = False if pa.types.is_boolean(kind) else 0
        state.update(array.fill_null(pa.scalar(zero, kind)).to_numpy(zero_copy_only=False).tobytes())
    elif pa.types.is_temporal(kind) and kind.bit_width in (32, 64):
        whole = array.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
        state.update(whole.fill_null(0).to_numpy(zero_copy_only=False).tobytes())
    else:
        state.update(canonical_json(array.to_pylist()).encode())


def _update_with_text(state: Any, array: pa.LargeBinaryArray) -> None:
    import numpy as np

    # Offsets of a slice start anywhere: hash lengths and the bytes in use, not the raw buffers.
    _, ends, content = array.buffers()
    offsets = np.frombuffer(ends, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    state.update(np.diff(offsets).tobytes())
    if content is not None and len(offsets):
        state.update(memoryview(content)[int(offsets[0]) : int(offsets[-1])])
