"""Are rows that stay in their file the same rows, and held by nobody who does not look at them?"""

import gc
import pickle
import weakref

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import veridical
from veridical.connect.source import on_disk, read
from veridical.core.dataset import Dataset
from veridical.core.errors import DataError

RNG = np.random.default_rng(0)
TABLE = pa.table(
    {
        "age": pa.array(RNG.integers(18, 90, 4_000), pa.int16()),
        "paid": pa.array(np.round(RNG.lognormal(3, 1, 4_000), 2), mask=RNG.random(4_000) < 0.1),
        "town": pa.array(RNG.choice(["Busan", "Jeju", "Seoul"], 4_000)).dictionary_encode(),
        "seen": pa.array(RNG.integers(1_600_000_000, 1_700_000_000, 4_000) * 1000, pa.timestamp("ms")),
    }
).replace_schema_metadata({"from": "a test"})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "people.parquet"
    pq.write_table(TABLE, path, row_group_size=900)
    return path


def test_they_are_the_rows_that_reading_gives(file):
    left = on_disk(file)
    assert left.name == "people"
    assert left.rows == 4_000
    assert left.only.equals(read(file).only)
    assert left.only.schema.equals(pq.read_table(file).schema, check_metadata=True)
    assert left.fingerprint == read(file).fingerprint == Dataset.of(TABLE, "people").fingerprint


def test_nobody_holds_them_once_they_were_looked_at(file):
    left = on_disk(file)
    table = left.only
    assert left.only is table
    seen = weakref.ref(table)
    del table
    gc.collect()
    assert seen() is None
    assert left.only.num_rows == 4_000


def test_a_file_that_changes_in_between_is_refused(file):
    left = on_disk(file)
    pq.write_table(TABLE.slice(0, 100), file)
    with pytest.raises(DataError, match="changed"):
        _ = left.only
    file.unlink()
    with pytest.raises(DataError, match="changed"):
        _ = left.only


def test_another_process_can_be_told_of_them(file):
    left = on_disk(file)
    held = left.only
    again = pickle.loads(pickle.dumps(left.tables))
    assert again["people"].equals(held)


def test_other_sources_are_read(tmp_path):
    lines = tmp_path / "few.csv"
    lines.write_text("a,b\n1,x\n2,y\n")
    assert on_disk(lines).only.to_pydict() == {"a": [1, 2], "b": ["x", "y"]}
    with pytest.raises(DataError):
        on_disk(tmp_path / "absent.parquet")
    empty = tmp_path / "empty.parquet"
    pq.write_table(TABLE.slice(0, 0), empty)
    with pytest.raises(DataError, match="no row"):
        on_disk(empty)


def test_a_model_of_a_file_is_the_model_of_its_rows(file):
    of_file, of_rows = veridical.fit(file), veridical.fit(Dataset.of(TABLE, "people"))
    drawn = [veridical.synthesize(one, 500, seed=1) for one in (of_file, of_rows)]
    assert drawn[0].equals(drawn[1])


@pytest.mark.parametrize("names", [["a", "a"], ["a.b", "a"], ["x", "y"]])
def test_columns_of_any_name_are_read_as_they_are(tmp_path, names):
    table = pa.table([pa.array([1, 2]), pa.array(["p", None])], names=names)
    pq.write_table(table, tmp_path / "odd.parquet")
    found = read(tmp_path / "odd.parquet").only
    assert found.column_names == names
    assert [column.to_pylist() for column in found.columns] == [[1, 2], ["p", None]]


def test_nested_columns_are_read_as_they_are(tmp_path):
    table = pa.table({"deep": [{"a": 1}, {"a": None}], "list": [[1, 2], []], "n": [1, 2]})
    pq.write_table(table, tmp_path / "deep.parquet")
    assert read(tmp_path / "deep.parquet").only.equals(table)
