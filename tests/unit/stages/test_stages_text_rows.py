"""Do the rows of a table and then their free text come from one command, and only from rows that passed their gates?"""

import json
from importlib import resources

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from veridical.cli.main import run

RECORDS = 120


def _folder(folder, columns=None, rows=None, **options):
    """Write a real table with a column of comments, a transcript and a spec; return the spec's path."""
    source = resources.files("veridical.data").joinpath("adult.parquet")
    with resources.as_file(source) as path:
        table = pq.read_table(path).slice(0, 900)
    table = table if columns is None else table.select(columns)
    comments = [f"comment {n} about somebody of {age}" for n, age in enumerate(table["age"].to_pylist())]
    pc.write_csv(table.append_column("comment", pa.array(comments)), folder / "real.csv")
    (folder / "t.jsonl").write_text(json.dumps({"match": ".", "reply": ["This person works hard."]}) + "\n")
    recipe = {"name": "column", "options": {"column": "comment", "rows": rows or "synth", **options}}
    spec = {
        "recipe": recipe,
        "models": {"teacher": {"provider": "scripted", "transcript": "t.jsonl"}},
        "seeds": "real.csv",
        "records": RECORDS,
        "checks": ["format"],
    }
    (folder / "c.yaml").write_text(json.dumps(spec))
    return folder / "c.yaml"


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    spec = _folder(folder, rows={"synth": {"target": "income", "gates": "test-data"}})
    return spec, folder / "run", run(["text", str(spec), "-o", str(folder / "run"), "--quiet"])


@pytest.mark.slow
def test_one_command_makes_the_rows_judges_them_and_writes_their_texts(done):
    _, folder, code = done
    assert code == 0
    (file,) = (folder / "rows" / "synthesize").glob("*.parquet")
    rows = pq.read_table(file).to_pylist()
    assert len(rows) == RECORDS and "comment" not in rows[0]
    assert (folder / "rows" / "validate" / "report.html").exists()
    made = [json.loads(line) for line in (folder / "synthesize" / "data.jsonl").read_text().splitlines()]
    assert sorted(record["fields"]["row_number"] for record in made) == list(range(RECORDS))
    for record in made:
        fields = dict(record["fields"])
        row = rows[fields.pop("row_number")]
        assert fields.pop("comment") == "This person works hard."
        assert fields == {name: value for name, value in row.items() if value is not None}
    assert any(None in row.values() for row in rows), "a row with a gap is given its text like every other"


@pytest.mark.slow
def test_the_same_command_again_makes_nothing_again(done, capsys):
    spec, folder, _ = done
    before = (folder / "rows" / "made.json").stat().st_mtime_ns
    assert run(["text", str(spec), "-o", str(folder), "--quiet"]) == 0
    assert "now: 0 sent" in capsys.readouterr().out
    assert run(["text", "resume", str(folder), "--quiet"]) == 0
    assert (folder / "rows" / "made.json").stat().st_mtime_ns == before


def test_a_dry_run_shows_the_questions_and_makes_nothing(tmp_path, capsys):
    spec = _folder(tmp_path)
    assert run(["text", str(spec), "--dry-run"]) == 0
    assert 'Write the column "comment"' in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yaml", "real.csv", "t.jsonl"]


def test_rows_that_fail_their_gates_get_no_text(tmp_path, capsys):
    """The engine draws each column on its own: what belongs together no longer does."""
    spec = _folder(tmp_path, rows={"synth": {"engine": "independent"}})
    assert run(["text", str(spec), "-o", str(tmp_path / "run"), "--quiet"]) == 3
    told = capsys.readouterr().err
    assert "the rows are not released" in told and "rows.synth.waivers" in told
    assert not (tmp_path / "run" / "journal.sqlite").exists(), "nothing was asked, nothing was paid"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"column": "coment"}, "has no 'coment'"),
        ({"rows": {"synth": {"engin": "tree"}}}, "did you mean 'engine'"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_learned(tmp_path, capsys, change, words):
    spec = _folder(tmp_path, **change)
    assert run(["text", str(spec), "-o", str(tmp_path / "run"), "--quiet"]) == 2
    assert words in capsys.readouterr().err


def test_a_row_with_a_gap_is_no_reason_to_turn_its_text_away(tmp_path):
    (tmp_path / "rows.csv").write_text("amount,shop\n5,\n")
    (tmp_path / "real.jsonl").write_text('{"amount": "1", "shop": "bar", "note": "A beer."}\n')
    (tmp_path / "t.jsonl").write_text('{"match": ".", "reply": ["Bread."]}\n')
    spec = {
        "recipe": {"name": "column", "options": {"column": "note", "rows": "rows.csv"}},
        "models": {"teacher": {"provider": "scripted", "transcript": "t.jsonl"}},
        "seeds": "real.jsonl", "records": 1, "max_candidates": 3, "checks": ["format"],
    }  # fmt: skip
    (tmp_path / "c.yaml").write_text(json.dumps(spec))
    assert run(["text", str(tmp_path / "c.yaml"), "-o", str(tmp_path / "run"), "--quiet"]) == 0
    assert pq.read_table(tmp_path / "run" / "synthesize" / "data.parquet")["note"].to_pylist() == ["Bread."]
