"""How do tables come from pandas, polars, Arrow, DuckDB and others, and go back as the same type?"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from veridical.connect.header import clean
from veridical.connect.note import with_notes
from veridical.core.dataset import Dataset
from veridical.core.errors import DataError, MissingExtraError


def to_arrow(frame: Any) -> pa.Table:
    """Return any dataframe that narwhals knows (pandas, polars, DuckDB, Modin, PySpark ...) as an Arrow table.

    Raises:
        DataError: the object is no dataframe, or a column mixes types that Arrow cannot hold.
    """
    import narwhals as nw

    if isinstance(frame, pa.Table):
        table = frame
    elif isinstance(frame, pa.RecordBatch):
        table = pa.Table.from_batches([frame])
    elif isinstance(frame, pa.RecordBatchReader):
        table = frame.read_all()
    elif _module(frame) == "pandas":
        table = _from_pandas(frame)
    else:
        try:
            known = nw.from_native(frame)
        except TypeError as unknown:
            raise DataError(
                f"a {type(frame).__name__} is no table",
                fix="give a path, or a pandas, polars, Arrow or DuckDB table",
            ) from unknown
        table = (known.collect(backend="pyarrow") if isinstance(known, nw.LazyFrame) else known).to_arrow()
    return _named(table)


def to_native(dataset: Dataset, like: Any) -> Any:
    """Return a data set's only table as the type that `like` has (a table given earlier); paths give Arrow.

    Example:
        >>> to_native(Dataset.of(pa.table({"a": [1]})), like=pa.table({"b": [2]})).column_names
        ['a']

    Raises:
        DataError: there are several tables.
    """
    table = dataset.only
    module = _module(like)
    if module == "pandas":
        return table.to_pandas()
    if module == "polars":
        import polars

        frame = polars.from_arrow(table)
        return frame.lazy() if type(like).__name__ == "LazyFrame" else frame
    if module in ("duckdb", "_duckdb"):
        try:
            import duckdb
        except ModuleNotFoundError as missing:
            raise MissingExtraError("duckdb is not installed", fix="pip install 'veridical[sql]'") from missing
        return duckdb.from_arrow(table)
    return table


def _module(frame: Any) -> str:
    return type(frame).__module__.partition(".")[0]


def _from_pandas(frame: Any) -> pa.Table:
    frame = frame.to_frame() if type(frame).__name__ == "Series" else frame
    names = [str(name) for name in frame.columns]
    arrays, fields = [], []
    for position, name in enumerate(names):
        series = frame.iloc[:, position]
        notes = []
        try:
            array = pa.Array.from_pandas(series)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            # A column of several types: text keeps every value as it reads.
            missing = series.isna().to_numpy()
            texts = [None if gone else str(value) for value, gone in zip(series, missing, strict=True)]
            array, notes = pa.array(texts, pa.string()), ["values of several types, kept as text"]
        array = array.cast(pa.string()) if pa.types.is_null(array.type) else array
        arrays.append(array)
        fields.append(with_notes(pa.field(name, array.type), *notes))
    if not arrays:
        return pa.table({})
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _named(table: pa.Table) -> pa.Table:
    header = clean(table.column_names, where="the table")
    fields = []
    for field, name in zip(table.schema, header.names, strict=True):
        fields.append(with_notes(field.with_name(name), *([header.notes[name]] if name in header.notes else [])))
    # Another library's metadata (pandas' index) would change what comes back.
    return pa.Table.from_arrays(table.columns, schema=pa.schema(fields)) if fields else table
