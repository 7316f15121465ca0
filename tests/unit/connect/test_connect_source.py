"""Do all sources become the same data set, and go back as the type that was given?"""

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from veridical import connect
from veridical.core.errors import DataError

TABLE = pa.table({"n": [1, 2, None], "x": [0.5, 1.5, 2.5], "s": ["a", None, "한글"]})


def test_frames_come_in_and_go_out() -> None:
    frames = [
        TABLE.to_pandas(types_mapper=pd.ArrowDtype),
        pl.from_arrow(TABLE),
        pl.from_arrow(TABLE).lazy(),
        TABLE,
        duckdb.from_arrow(TABLE),
    ]
    for frame in frames:
        dataset = connect.read(frame)
        assert dataset.only.to_pydict() == TABLE.to_pydict(), type(frame)
        back = connect.to_native(dataset, frame)
        assert type(back) is type(frame)


def test_pandas_of_several_types_is_kept_as_text() -> None:
    table = connect.read(pd.DataFrame({"a": [1, "x", None]})).only
    assert table["a"].to_pylist() == ["1", "x", None]


def test_nan_and_infinity_are_missing() -> None:
    assert connect.read(pa.table({"x": [1.0, np.nan, np.inf]})).only["x"].to_pylist() == [1.0, None, None]


def test_folder_is_several_tables(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    connect.write(TABLE, tmp_path / "b.parquet")
    connect.write(TABLE, tmp_path / "c.jsonl.gz")
    dataset = connect.read(tmp_path)
    assert list(dataset.tables) == ["a", "b", "c"]
    assert dataset.tables["c"].to_pydict() == TABLE.to_pydict()


@pytest.mark.parametrize("name", ["none.csv", "none.parquet", "none.jsonl", "none.xyz"])
def test_absent_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError):
        connect.read(tmp_path / name)


def test_broken_files(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 cut")
    (tmp_path / "t.csv.gz").write_bytes(b"\x1f\x8b\x08\x00 cut")
    (tmp_path / "t.jsonl").write_text('{"a": 1}\n{bad\n[2]\n')
    for name, words in (("t.parquet", "not a whole"), ("t.csv.gz", "cannot be read"), ("t.jsonl", "lines 2, 3")):
        with pytest.raises(DataError, match=words):
            connect.read(tmp_path / name)


def test_jsonl_of_several_types(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"a": 1, "b": {"c": 1}}\n{"a": "x"}\n{"a": 99999999999999999999}\n')
    assert connect.read(tmp_path / "t.jsonl").only.to_pydict() == {
        "a": ["1", "x", "99999999999999999999"],
        "b": ['{"c": 1}', None, None],
    }


def test_no_table_and_no_such_column() -> None:
    for empty in (pa.table({}), pa.table({"a": pa.array([], pa.int64())})):
        with pytest.raises(DataError):
            connect.read(empty)
    with pytest.raises(DataError, match="no table"):
        connect.read(42)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> object:
        yield TABLE.to_batches()[0]
        raise RuntimeError("cut")

    with pytest.raises(RuntimeError):
        connect.write(broken(), tmp_path / "t.csv")
    assert list(tmp_path.iterdir()) == []
