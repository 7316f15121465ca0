"""Do three lines of Python take and give what people hold: pandas, polars, Arrow, DuckDB, a path?"""

import subprocess
import sys

import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest

import veridical
from small_model import people, small_model
from veridical.core.errors import SpecError, VeridicalError


def _pandas(table):
    return table.to_pandas()


def _polars(table):
    return pytest.importorskip("polars").from_arrow(table)


def _lazy(table):
    return _polars(table).lazy()


def _duckdb(table):
    return pytest.importorskip("duckdb").from_arrow(table)


@pytest.mark.parametrize("made_of", [_pandas, _polars, _lazy, _duckdb, lambda table: table])
def test_a_frame_in_gives_the_same_kind_of_frame_out(made_of):
    frame = made_of(people().only)
    made = veridical.synth(frame, rows=300, engine="independent", gates=None)
    assert type(made.data) is type(frame)
    back = veridical.read(made.data).only
    assert back.num_rows == 300
    assert back.column_names == ["age", "height", "sex"]
    assert set(back["sex"].to_pylist()) <= {"F", "M"}


def test_a_path_gives_arrow_and_rows_as_many_as_it_has(tmp_path):
    pa_csv.write_csv(people().only, tmp_path / "people.csv")
    made = veridical.synth(tmp_path / "people.csv", engine="independent", gates=None)
    assert isinstance(made.data, pa.Table)
    assert made.data.num_rows == 600


def test_the_data_is_judged_on_rows_kept_back():
    made = veridical.synth(people().only, engine="independent")
    assert made.verdict is not None and made.findings
    assert made.verdict.gate_set == "share"


def test_step_by_step():
    data = people()
    learned = veridical.learn(data)
    generator = veridical.fit(data, schema=learned.schema, engine="independent", seed=1)
    rows = veridical.synthesize(generator, "1k", where="age >= 65", seed=2)
    assert rows.num_rows == 1000 and min(rows["age"].to_pylist()) >= 65
    again = veridical.synthesize(generator, 1000, where="age >= 65", seed=2)
    assert again.equals(rows)
    validation = veridical.validate(data, rows, schema=learned.schema)
    assert validation.verdict.gate_set == "share"


def test_a_saved_model_is_drawn_from_by_its_folder():
    frame = people().only.to_pandas()
    drawn = veridical.synthesize(small_model(), 20, like=frame)
    assert type(drawn) is type(frame) and len(drawn) == 20
    gaps = people(rows=50, seed=4).only
    filled = veridical.synthesize(small_model("tree"), 50, given=gaps)
    assert filled["age"].to_pylist() == gaps["age"].to_pylist()


def test_wrong_rows_and_engines_are_told():
    with pytest.raises(SpecError, match="no count of rows"):
        veridical.synth(people().only, rows="many", gates=None)
    with pytest.raises(VeridicalError, match="nothing is called 'forrest'"):
        veridical.synth(people().only, engine="forrest", gates=None)


def test_the_public_names_are_these_and_all_work():
    names = ["fit", "go_on", "learn", "read", "release", "run", "synth", "synthesize", "validate", "verify"]
    assert [name for name in dir(veridical) if name != "__version__"] == names
    assert all(callable(getattr(veridical, name)) for name in names)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = veridical.nonsense


@pytest.mark.slow
def test_a_run_from_python(tmp_path):
    pa_csv.write_csv(people(rows=400).only, tmp_path / "people.csv")
    (tmp_path / "easy.yaml").write_text(
        "name: easy\ngates:\n  - {check: privacy.exact_copies, why: copied, at_most: 1, rule: value}\n"
    )
    (tmp_path / "run.yaml").write_text("source: people.csv\nengine: independent\ngates: easy.yaml\nworkers: 1\n")
    code = (
        "import veridical\n"
        "done = veridical.run('run.yaml')\n"
        "print(done.released.folder.name, len(veridical.verify('out').files), veridical.release('out').key_id[:3] != '')\n"
    )
    import os

    env = {**os.environ, "VERIDICAL_HOME": str(tmp_path / "home"), "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["release", "6", "True"], done.stderr
