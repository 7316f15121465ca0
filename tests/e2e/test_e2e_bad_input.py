"""Does whatever people feed in give right data, or a clear error with exit code 2 and nothing half-written?"""

import csv
import datetime as dt
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from veridical.core.contracts import RunContext, SampleRequest
from veridical.core.errors import VeridicalError
from veridical.spec.run import RunSpec
from veridical.stages.model import open_model
from veridical.stages.plan import build_model
from veridical.stages.synthesize import draw, order, synthesize


def _csv(rows, header):
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def _wide(columns):
    rng = np.random.default_rng(0)
    return _csv(rng.integers(0, 9, (40, columns)).tolist(), [f"c{index}" for index in range(columns)])


def _days(rows=60):
    return [
        dt.date(1, 1, 1) if i % 3 == 0 else dt.date(9999, 12, 31) if i % 3 == 1 else dt.date(2000, 2, 29)
        for i in range(rows)
    ]


GOOD = {
    "one column": _csv([[i] for i in range(60)], ["a"]),
    "all null column": _csv([[i, ""] for i in range(60)], ["a", "gone"]),
    "all null": _csv([["", ""] for _ in range(60)], ["a", "b"]),
    "constant columns": _csv([[1, "x"] for _ in range(60)], ["a", "b"]),
    "10,000 categories": _csv([[f"k{i}", i % 7] for i in range(10_000)], ["k", "n"]),
    "many columns": _wide(120),
    "mixed types": _csv([[i if i % 2 else f"t{i % 5}"] for i in range(90)], ["a"]),
    "byte order mark": b"\xef\xbb\xbf" + _csv([[i, "x"] for i in range(60)], ["a", "b"]),
    "duplicate headers": _csv([[i, i + 1] for i in range(60)], ["a", "a"]),
    "empty headers": _csv([[i, i % 3, 5] for i in range(60)], ["", "b", ""]),
    "reserved names": _csv([[i, i % 3, i % 2, 1, 0] for i in range(60)], ["index", "rows", "__index__", "null", "if"]),
    "names with signs": _csv([[i, i % 3] for i in range(60)], ["a/b \"c\"", "../x|y<b>"]),
    "60-digit integers": _csv([["9" * 59 + str(i % 10)] for i in range(60)], ["big"]),
    "Korean and emoji": _csv([["안녕하세요 🙂" if i % 2 else "서울"] for i in range(60)], ["이름 🐍"]),
    "extreme dates": _csv([[day.isoformat()] for day in _days()], ["when"]),
    "not a number and infinity": _csv([["nan" if i % 5 == 0 else "inf" if i % 7 == 0 else i / 3] for i in range(90)], ["x"]),
    "broken UTF-8": _csv([[i, "x"] for i in range(60)], ["a", "b"]).replace(b"x", b"\xff\xfe", 3),
    "quoted newlines": _csv([[i, "two\nlines, and \"quotes\""] for i in range(60)], ["a", "b"]),
    "huge numbers": _csv([[f"{i}e300", -(2**63) + i] for i in range(60)], ["x", "n"]),
}  # fmt: skip
BAD = {
    "empty file": b"",
    "only a header": b"a,b\n",
    "only blank lines": b"\n\n\n",
    "one row": b"a,b\n1,2\n",
    "binary": bytes(range(256)) * 20,
}


def _try(tmp_path, name, content):
    source = tmp_path / name
    source.write_bytes(content)
    spec = RunSpec(source=source, output=tmp_path / "out", engine="tree", rows=200)
    built = build_model(spec, RunContext())
    synthesize(
        order(tmp_path / "out" / "model", SampleRequest(rows=200)), RunContext(), tmp_path / "out" / "synthesize"
    )
    return built, pq.read_table(next((tmp_path / "out" / "synthesize").glob("*.parquet")))


@pytest.mark.parametrize("case", GOOD)
def test_strange_data_gives_data_of_the_same_columns_or_a_clear_error(tmp_path, case):
    refused = None
    try:
        built, table = _try(tmp_path, "people.csv", GOOD[case])
    except VeridicalError as error:
        refused = error
    if refused is not None:
        assert refused.exit_code == 2
        assert refused.fix
        _nothing_half_written(tmp_path)
        return
    assert table.num_rows == 200
    assert table.column_names == built.split.train.only.column_names
    for column in built.schema.only.columns:
        if not column.nullable:
            assert table[column.name].null_count == 0, column.name


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_learned_from_is_refused_with_a_mend(tmp_path, case):
    with pytest.raises(VeridicalError) as refused:
        _try(tmp_path, "people.csv", BAD[case])
    assert refused.value.exit_code == 2
    assert refused.value.fix and refused.value.where
    _nothing_half_written(tmp_path)


def test_a_truncated_parquet_file_is_refused(tmp_path):
    pq.write_table(pa.table({"a": range(100)}), tmp_path / "whole.parquet")
    with pytest.raises(VeridicalError) as refused:
        _try(tmp_path, "cut.parquet", (tmp_path / "whole.parquet").read_bytes()[:-40])
    assert refused.value.exit_code == 2


def test_a_schema_that_disagrees_with_the_data_is_refused(tmp_path):
    build_model(_spec(tmp_path, b"a,b\n" + b"1,x\n2,y\n" * 30, "one"), RunContext())
    schema = tmp_path / "one" / "learn" / "schema.yaml"
    spec = _spec(tmp_path, b"a,c\n" + b"1,x\n2,y\n" * 30, "two", schema=schema)
    with pytest.raises(VeridicalError) as refused:
        build_model(spec, RunContext())
    assert refused.value.exit_code == 2
    assert not (tmp_path / "two" / "model").exists()


def test_a_target_that_is_no_column_is_refused(tmp_path):
    with pytest.raises(VeridicalError, match="no column 'incme'"):
        build_model(_spec(tmp_path, b"a,b\n" + b"1,x\n2,y\n" * 30, "one", target="incme"), RunContext())


@pytest.mark.slow
def test_two_thousand_columns(tmp_path):
    _, table = _try(tmp_path, "wide.csv", _wide(2000))
    assert table.num_columns == 2000


def test_a_model_opens_again_and_draws_the_same(tmp_path):
    _try(tmp_path, "people.csv", GOOD["Korean and emoji"])
    one, two = (draw(open_model(tmp_path / "out").generator, SampleRequest(rows=50)) for _ in range(2))
    assert one.fingerprint == two.fingerprint


def _spec(tmp_path, content, name, **more):
    source = tmp_path / f"{name}.csv"
    source.write_bytes(content)
    return RunSpec(source=source, output=tmp_path / name, engine="independent", **more)


def _nothing_half_written(tmp_path):
    left = list((tmp_path / "out").rglob("*")) if (tmp_path / "out").exists() else []
    assert not [path for path in left if path.name.endswith((".part", ".partial"))], left
    for stage in ("model", "synthesize"):
        folder = tmp_path / "out" / stage
        assert not folder.exists() or (folder / "index.json").exists()


def test_an_edited_schema_in_the_runs_folder_is_law(tmp_path):
    spec = _spec(tmp_path, b"a,b\n" + b"".join(b"%d,x\n" % (i % 40) for i in range(80)), "one")
    assert build_model(spec, RunContext()).schema_kept is None
    path = tmp_path / "one" / "learn" / "schema.yaml"
    lines = path.read_text().splitlines()
    at = next(index for index, line in enumerate(lines) if line.strip().startswith("low:"))
    lines[at] = lines[at].partition(":")[0] + ": -500"
    path.write_text("\n".join(lines) + "\n")
    built = build_model(spec, RunContext())
    assert built.schema_kept == path
    assert built.schema.only.column("a").low == -500
    assert path.read_text() == "\n".join(lines) + "\n"
