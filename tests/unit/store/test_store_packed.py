"""Is text packed when the file's name asks for it, in the same bytes every time?"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from small_model import small_model
from veridical.cli.main import run
from veridical.connect.source import read
from veridical.core.errors import SpecError
from veridical.store.tablefile import format_of, writing_table


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_packed_text_reads_back_and_is_the_same_bytes_each_time(tmp_path, form):
    table = pa.table({"a": [1, 2, 3], "b": ["x", "y", "안녕"]})
    for name in ("one", "two"):
        with writing_table(tmp_path / f"{name}.{form}.gz", form, table.schema) as write:
            write(table.slice(0, 1))
            write(table.slice(1))
    assert (tmp_path / f"one.{form}.gz").read_bytes() == (tmp_path / f"two.{form}.gz").read_bytes()
    assert read(tmp_path / f"one.{form}.gz").only.to_pydict() == table.to_pydict()


def test_sample_writes_packed_csv(tmp_path):
    out = tmp_path / "drawn.csv.gz"
    assert run(["sample", str(small_model()), "--rows", "70", "-o", str(out), "-q"]) == 0
    assert run(["sample", str(small_model()), "--rows", "70", "-o", str(tmp_path / "drawn.parquet"), "-q"]) == 0
    packed = read(out).only
    assert packed["age"].to_pylist() == pq.read_table(tmp_path / "drawn.parquet")["age"].to_pylist()


@pytest.mark.parametrize("name", ["a.gz", "a.parquet.gz", "a.xlsx"])
def test_other_endings_are_refused(name):
    with pytest.raises(SpecError, match=r"\(\.gz\)"):
        format_of(Path(name))
