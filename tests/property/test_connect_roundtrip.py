"""Is what is read what was written, for any table?"""

import tempfile
from pathlib import Path

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from veridical import connect

NAMES = st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), min_size=1, max_size=4, unique=True)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=12)


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(1, 6))
    kinds = {
        "int": (st.integers(-(2**63), 2**63 - 1), pa.int64()),
        "float": (st.floats(allow_nan=False, allow_infinity=False), pa.float64()),
        "text": (TEXT, pa.string()),
        "bool": (st.booleans(), pa.bool_()),
        "date": (st.dates(), pa.date32()),
    }
    columns = {}
    for name in draw(NAMES):
        values, kind = kinds[draw(st.sampled_from(sorted(kinds)))]
        cells = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        columns[name] = pa.array(cells, kind)
    return pa.table(columns)


@settings(max_examples=40, deadline=None)
@given(tables())
def test_parquet_gives_the_same_table(table: pa.Table) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.parquet"
        connect.write(table, path)
        assert connect.read(path).only.equals(table)


@settings(max_examples=40, deadline=None)
@given(tables(), st.sampled_from(["t.csv", "t.csv.gz"]))
def test_csv_keeps_every_cell_as_text(table: pa.Table, name: str) -> None:
    text = pa.table(
        {field: column.cast(pa.string()) for field, column in zip(table.column_names, table.columns, strict=True)}
    )
    # A letter in each text keeps it text, so that types do not hide a changed cell.
    marked = pa.table(
        {
            n: pa.array([None if v is None else f"x{v}" for v in c.to_pylist()], pa.string())
            for n, c in zip(text.column_names, text.columns, strict=True)
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        connect.write(marked, path)
        assert connect.read(path).only.to_pydict() == marked.to_pydict()
