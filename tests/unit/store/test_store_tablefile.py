"""Does every format hold every value, piece by piece, in the same bytes?"""

import datetime as dt
import decimal
import io
import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veridical.core.errors import DataError, SpecError
from veridical.store.tablefile import encode, format_of, header, jsonl, writing_table

TABLE = pa.table(
    {
        "n": pa.array([1, None, -3], pa.int64()),
        "x": [0.1, float("nan"), 1e300],
        "t": ['say "hi", 안녕', None, "line\nbreak 🙂"],
        "c": pa.array(["a", "b", None]).dictionary_encode(),
        "b": [True, False, None],
        "d": [dt.date(1, 1, 1), None, dt.date(9999, 12, 31)],
        "m": [decimal.Decimal("1.50"), None, decimal.Decimal("-2.25")],
        "w": pa.array([dt.datetime(2024, 1, 31, 12, 30), None, None], pa.timestamp("us")),
    }
)


def _write(path, form, pieces, schema):
    with writing_table(path, form, schema) as write:
        for piece in pieces:
            write(piece)
    return path.read_bytes()


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_text_does_not_depend_on_the_pieces_and_parquet_on_nothing_else(tmp_path, form):
    whole = _write(tmp_path / "a", form, [TABLE], TABLE.schema)
    parts = _write(tmp_path / "b", form, [TABLE.slice(0, 1), TABLE.slice(1)], TABLE.schema)
    again = _write(tmp_path / "c", form, [TABLE.slice(0, 1), TABLE.slice(1)], TABLE.schema)
    assert parts == again
    if form != "parquet":
        assert whole == parts


def test_parquet_holds_every_value_and_says_it_is_synthetic(tmp_path):
    _write(tmp_path / "a.parquet", "parquet", [TABLE], TABLE.schema)
    back = pq.read_table(tmp_path / "a.parquet")
    assert back.schema.metadata[b"synthetic"] == b"true"
    assert back.drop_columns("x").to_pylist() == TABLE.drop_columns("x").to_pylist()


def test_text_that_comes_as_a_dictionary_is_plain_text_in_the_file(tmp_path):
    few = pa.array(["a", None, "b", "a"]).dictionary_encode()
    pieces = [pa.table({"few": few}), pa.table({"few": ["c", "a"]})]
    with writing_table(tmp_path / "t.parquet", "parquet", pieces[0].schema) as write:
        for piece in pieces:
            write(piece)
    read = pq.read_table(tmp_path / "t.parquet")
    assert read.schema.field("few").type == pa.string()
    assert read["few"].to_pylist() == ["a", None, "b", "a", "c", "a"]
    about = pq.ParquetFile(tmp_path / "t.parquet").metadata.metadata
    assert about[b"synthetic"] == b"true"


def test_csv_holds_every_value_and_tells_null_from_empty(tmp_path):
    table = pa.table({"a b": ["", None, 'x"y'], "ㄱ": [1, 2, None]})
    text = _write(tmp_path / "a.csv", "csv", [table], table.schema).decode()
    assert text == '"a b","ㄱ"\n"",1\n,2\n"x""y",\n'
    assert header(table.schema, "csv") + encode(table, "csv") == text.encode()


def test_jsonl_holds_every_value(tmp_path):
    lines = _write(tmp_path / "a.jsonl", "jsonl", [TABLE], TABLE.schema).decode().splitlines()
    rows = [json.loads(line) for line in lines]
    assert rows[0] == {
        "n": 1, "x": 0.1, "t": 'say "hi", 안녕', "c": "a", "b": True,
        "d": "0001-01-01", "m": "1.50", "w": "2024-01-31 12:30:00.000000",
    }  # fmt: skip
    assert rows[1]["x"] is None and rows[1]["n"] is None and rows[1]["t"] is None
    assert rows[2]["t"] == "line\nbreak 🙂"


def test_jsonl_takes_nested_columns_and_csv_refuses_them_by_name():
    table = pa.table({"ok": [1], "list": [[1, 2]]})
    assert json.loads(jsonl(table)) == {"ok": 1, "list": [1, 2]}
    with pytest.raises(DataError, match="list: a column cannot be written as CSV"):
        encode(table, "csv")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.text(),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_jsonl_is_what_json_dumps_says(rows):
    table = pa.table(
        {
            'k"ey': pa.array([row[0] for row in rows], pa.int64()),
            "t": pa.array([row[1] for row in rows], pa.string()),
            "x": pa.array([row[2] for row in rows], pa.float64()),
        }
    )
    for sliced in (table, table.slice(len(rows) // 2)):
        # Split on the newline alone: text may hold other line separators.
        read = [json.loads(line) for line in jsonl(sliced).decode().split("\n") if line]
        assert read == sliced.to_pylist()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**53), 2**53), st.text("ab ,\"'\n가🙂")), min_size=1, max_size=20))
def test_csv_is_read_back_by_another_library(rows):
    table = pa.table({"n": [row[0] for row in rows], "t": [row[1] for row in rows]})
    content = header(table.schema, "csv") + encode(table, "csv")
    back = pd.read_csv(io.BytesIO(content), keep_default_na=False, lineterminator="\n")
    assert back["n"].tolist() == table["n"].to_pylist()
    assert back["t"].astype(str).tolist() == table["t"].to_pylist()


def test_a_piece_with_other_columns_is_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(DataError, match="other columns"):
        _write(tmp_path / "a.csv", "csv", [TABLE, TABLE.drop_columns("n")], TABLE.schema)
    assert list(tmp_path.iterdir()) == []


def test_the_ending_names_the_format():
    assert [format_of(Path(name)) for name in ("a.CSV", "a.pq", "a.ndjson")] == ["csv", "parquet", "jsonl"]
    with pytest.raises(SpecError, match="names no format"):
        format_of(Path("a.xlsx"))
