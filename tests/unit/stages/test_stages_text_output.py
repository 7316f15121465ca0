"""Does everything that a recipe may put into a field come out of the files again?"""

import json

import pyarrow.parquet as pq
import pytest

from llm_server import LLMServer, chat
from veridical.core.contracts import RunContext
from veridical.spec.marks import Document
from veridical.spec.text import parse_text
from veridical.stages import text_output
from veridical.stages.text import kept_spec, run_text

VALUES = [
    {"a": 1, "b": "text", "c": None, "d": True, "e": [1, 2], "f": 2, "g": 'quote " and\nline'},
    {"a": 2.5, "b": "안녕 🌊", "c": "late", "d": False, "e": {"x": None}, "f": "mixed", "g": ""},
    {"a": -3, "b": "", "d": True, "e": [], "f": 2**63, "g": "{}"},
]


def _spec(url, folder, records=3, schema=None):
    value = {
        "recipe": {"prompt": {"prompt": "{{ number }}", "schema": schema or {"type": "object"}}},
        "models": {"teacher": {"model": "m", "base_url": url}},
        "records": records,
        "in_flight": 1,
    }
    return parse_text(Document(value, "test", {}, {}), beside=folder)


@pytest.mark.parametrize("rows", [8192, 2, 1])  # in memory at once; the rest is read again from the lines
def test_fields_of_every_kind_reach_the_table(tmp_path, monkeypatch, rows):
    monkeypatch.setattr(text_output, "_ROWS", rows)
    with LLMServer(lambda asked: chat(json.dumps(VALUES[int(asked.text) % 3]))) as server:
        run_text(_spec(server.url, tmp_path), tmp_path / "run", RunContext())
    table = pq.read_table(tmp_path / "run" / "synthesize" / "data.parquet")
    rows = table.select(list("abcdefg")).to_pylist()
    assert [row["a"] for row in rows] == [1.0, 2.5, -3.0]
    assert [row["b"] for row in rows] == ["text", "안녕 🌊", ""]
    assert [row["c"] for row in rows] == [None, "late", None]
    assert [row["d"] for row in rows] == [True, False, True]
    assert [json.loads(row["e"]) for row in rows] == [[1, 2], {"x": None}, []]
    assert [row["f"] for row in rows] == ["2", "mixed", str(2**63)]
    assert [row["g"] for row in rows] == ['quote " and\nline', "", "{}"]
    lines = [json.loads(x) for x in (tmp_path / "run" / "synthesize" / "data.jsonl").read_text().splitlines()]
    assert [line["fields"] for line in lines] == VALUES
    assert [line["id"] for line in lines] == table["_id"].to_pylist()


def test_nothing_accepted_is_written_as_nothing(tmp_path):
    with LLMServer(lambda asked: chat("no json")) as server:
        run = run_text(_spec(server.url, tmp_path, records=1), tmp_path / "run", RunContext())
    assert (run.complete, run.harvested.by_check) == (False, {"schema": 200})
    assert pq.read_table(tmp_path / "run" / "synthesize" / "data.parquet").num_rows == 0


def test_the_kept_spec_is_the_spec(tmp_path):
    with LLMServer(lambda asked: chat("{}")) as server:
        spec = _spec(server.url, tmp_path)
        run_text(spec, tmp_path / "run", RunContext())
    kept = kept_spec(tmp_path / "run")
    assert (kept.recipe, kept.models, kept.beside) == (spec.recipe, spec.models, spec.beside)


def test_a_folder_without_a_run(tmp_path):
    from veridical.core.errors import ArtifactError

    with pytest.raises(ArtifactError, match="no folder of a text run"):
        kept_spec(tmp_path)
