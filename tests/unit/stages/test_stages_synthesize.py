"""Are the bytes the same whoever works, and whatever was interrupted?"""

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from small_model import people, small_model
from veridical.core.contracts import RunContext, SampleRequest
from veridical.core.errors import ArtifactError, DataError, SpecError
from veridical.stages.model import open_model
from veridical.stages.synthesize import draw, order, synthesize, synthesize_file
from veridical.store.artifact import open_sealed


def _order(rows=5000, form="csv", shard_rows=1000, **request):
    return order(small_model(), SampleRequest(rows=rows, seed=5, **request), form=form, shard_rows=shard_rows)


@pytest.mark.parametrize("shard_rows", [1000, 100], ids=["threads", "processes"])
@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
def test_one_worker_and_two_write_the_same_bytes(tmp_path, form, shard_rows):
    for workers in (1, 2):
        synthesize(_order(form=form, shard_rows=shard_rows), RunContext(workers=workers), tmp_path / str(workers))
    one, two = (open_sealed(tmp_path / name, "synthesis") for name in ("1", "2"))
    assert one.files == two.files
    assert set(one.files) == {f"people.{form}", "request.json"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


def test_what_is_drawn_in_memory_is_what_the_files_hold(tmp_path):
    synthesize(_order(form="parquet"), RunContext(), tmp_path / "s")
    drawn = draw(open_model(small_model()).generator, SampleRequest(rows=5000, seed=5), shard_rows=1000)
    file = pq.read_table(tmp_path / "s" / "people.parquet")
    assert file.num_rows == 5000
    assert drawn.only.cast(file.schema).to_pylist() == file.to_pylist()


def test_other_seeds_give_other_rows():
    generator = open_model(small_model()).generator
    one, two = (draw(generator, SampleRequest(rows=50, seed=seed)).only.to_pylist() for seed in (1, 2))
    assert one != two


def test_a_finished_synthesis_is_kept_and_another_request_replaces_it(tmp_path):
    first = synthesize(_order(), RunContext(), tmp_path / "s")
    made = (tmp_path / "s" / "people.csv").stat().st_mtime_ns
    assert synthesize(_order(), RunContext(), tmp_path / "s").fingerprint == first.fingerprint
    assert (tmp_path / "s" / "people.csv").stat().st_mtime_ns == made
    assert synthesize(_order(rows=100), RunContext(), tmp_path / "s").fingerprint != first.fingerprint


def test_an_edited_synthesis_is_made_again(tmp_path):
    first = synthesize(_order(), RunContext(), tmp_path / "s")
    (tmp_path / "s" / "people.csv").write_text("age,height,sex\n")
    assert synthesize(_order(), RunContext(), tmp_path / "s").files == first.files


def test_a_run_killed_in_the_middle_goes_on_and_writes_the_same_bytes(tmp_path):
    code = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from veridical.core.contracts import RunContext, SampleRequest
        from veridical.stages.synthesize import order, synthesize
        if __name__ == "__main__":
            asked = order(Path({str(small_model())!r}), SampleRequest(rows=40_000, seed=5), form="csv", shard_rows=1000)
            slow = lambda step, *, done, total: time.sleep(0.1)
            synthesize(asked, RunContext(workers=2, progress=slow), Path({str(tmp_path)!r}) / "s")
        """
    )
    (tmp_path / "main.py").write_text(code)
    process = subprocess.Popen([sys.executable, str(tmp_path / "main.py")])
    parts = tmp_path / ".s.parts"
    _wait_until(lambda: len(list(parts.glob("part-*.json"))) >= 5)
    process.kill()
    process.wait()
    assert not (tmp_path / "s").exists()
    kept = {path.name: path.stat().st_mtime_ns for path in parts.glob("part-*.json")}
    asked = order(small_model(), SampleRequest(rows=40_000, seed=5), form="csv", shard_rows=1000)
    _wait_until(lambda: _try_again(asked, tmp_path / "s"))
    assert len(kept) >= 5
    synthesize(asked, RunContext(), tmp_path / "whole")
    assert (tmp_path / "s" / "people.csv").read_bytes() == (tmp_path / "whole" / "people.csv").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["main.py", "s", "whole"]


def _try_again(asked, folder: Path) -> bool:
    try:
        synthesize(asked, RunContext(), folder)
    except SpecError:  # a worker of the killed process may hold the lock for a moment
        return False
    return True


def _wait_until(true, patience_s: float = 60.0) -> None:
    end = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


class _Stop(Exception):
    pass


def test_finished_shards_are_not_drawn_again(tmp_path):
    def stop_at_three(step, *, done, total):
        if done >= 3000:
            raise _Stop

    with pytest.raises(_Stop):
        synthesize(_order(), RunContext(progress=stop_at_three), tmp_path / "s")
    marks = {path: path.stat().st_mtime_ns for path in (tmp_path / ".s.parts").glob("part-*.json")}
    assert len(marks) >= 3
    with pytest.raises(_Stop):
        synthesize(_order(), RunContext(progress=stop_at_three), tmp_path / "s")
    assert {path: path.stat().st_mtime_ns for path in marks} == marks
    synthesize(_order(), RunContext(), tmp_path / "s")
    synthesize(_order(), RunContext(), tmp_path / "whole")
    assert (tmp_path / "s" / "people.csv").read_bytes() == (tmp_path / "whole" / "people.csv").read_bytes()


def test_one_file_can_be_asked_for(tmp_path):
    assert synthesize_file(_order(where="age >= 60"), RunContext(), tmp_path / "old.csv") == 5000
    table = pa_csv.read_csv(tmp_path / "old.csv")
    assert table.num_rows == 5000 and min(table["age"].to_pylist()) >= 60
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]


@pytest.mark.parametrize(("workers", "shard_rows"), [(1, 1000), (2, 1000), (2, 100)])
def test_a_request_that_cannot_be_met_leaves_nothing_under_the_final_name(tmp_path, workers, shard_rows):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "older.txt").write_text("kept")
    with pytest.raises((SpecError, DataError)):
        synthesize(_order(where="nonsense >= 60", shard_rows=shard_rows), RunContext(workers=workers), tmp_path / "s")
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["older.txt"]


def test_gaps_are_filled_and_known_cells_kept(tmp_path):
    given = people(rows=2500, seed=9).only
    asked = order(small_model("tree"), SampleRequest(rows=2500, seed=1, context=given), form="parquet", shard_rows=1000)
    for workers in (1, 2):
        synthesize_file(asked, RunContext(workers=workers), tmp_path / f"{workers}.parquet")
    assert (tmp_path / "1.parquet").read_bytes() == (tmp_path / "2.parquet").read_bytes()
    filled = pq.read_table(tmp_path / "1.parquet")
    known = given["height"].is_valid().to_pylist()
    before, after = given["height"].to_pylist(), filled["height"].to_pylist()
    assert all(a == b for a, b, keep in zip(before, after, known, strict=True) if keep)
    assert filled["age"].to_pylist() == given["age"].to_pylist()


def test_a_model_replaced_in_between_is_noticed(tmp_path):
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(small_model(), folder)
    asked = order(folder, SampleRequest(rows=10))
    shutil.rmtree(folder)
    shutil.copytree(small_model("tree"), folder)
    with pytest.raises(ArtifactError, match="was replaced"):
        synthesize(asked, RunContext(), tmp_path / "s")
