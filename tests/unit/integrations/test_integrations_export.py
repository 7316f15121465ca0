"""Accepted records go out in the forms that trainers read, each row saying how it was made."""

import json

import pyarrow.parquet as pq
import pytest

from veridical.core.errors import DataError, SpecError
from veridical.integrations.export import FORMS, WHOLE, export

MAKING = {"id", "source", "recipe_step", "model", "seed", "cost", "scores"}


def run_folder(path, fields):
    (path / "synthesize").mkdir(parents=True)
    lines = [{"id": f"r{n}", "fields": one, "attributes": {}, "source": "synthetic:x", "steps": ["write", "judge"],
              "models": ["m"], "seed": 4, "task": n, "cost": 0.25, "scores": {"judge": n}} for n, one in enumerate(fields)]  # fmt: skip
    (path / "synthesize" / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


PAIRS = [
    {"instruction": f"Say {n}", "input": "", "output": f"It is {n}.", "chosen": f"{n}!", "rejected": "no"}
    for n in range(4)
]
LABELLED = [{"text": f"text {n}", "label": "ab"[n % 2]} for n in range(6)]


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("name", sorted(set(FORMS) - {"classification", "tool_messages", "hermes"}))
def test_every_form_carries_how_a_row_was_made(name, tmp_path):
    export(run_folder(tmp_path / "run", PAIRS), tmp_path / "out", [name, f"{name}.parquet"])
    rows = read(tmp_path / "out" / f"{name}.jsonl")
    assert len(rows) == 4 and set(rows[0]) >= MAKING
    assert (
        rows[1]["recipe_step"] == "write > judge"
        and rows[1]["cost"] == 0.25
        and json.loads(rows[1]["scores"]) == {"judge": 1}
    )
    assert pq.read_table(tmp_path / "out" / f"{name}.parquet").num_rows == 4


def test_labelled_records_become_samples_and_triplets(tmp_path):
    export(
        run_folder(tmp_path / "run", LABELLED),
        tmp_path / "out",
        ["classification", "triplets", *WHOLE],
        licence="CC-BY-4.0",
    )
    rows = read(tmp_path / "out" / "triplets.jsonl")
    label = {one["text"]: one["label"] for one in LABELLED}
    assert all(
        label[r["anchor"]] == label[r["positive"]] != label[r["negative"]] and r["anchor"] != r["positive"]
        for r in rows
    )
    card = (tmp_path / "out" / "huggingface" / "README.md").read_text()
    assert card.startswith("---\nlicense: cc-by-4.0\n") and "Synthetic" in card


def test_what_cannot_be_exported_is_said(tmp_path):
    run = run_folder(tmp_path / "run", LABELLED)
    with pytest.raises(SpecError, match="alpcaa"):
        export(run, tmp_path / "out", ["alpcaa"])
    with pytest.raises(DataError, match="no pair"):
        export(run, tmp_path / "out", ["preference"])
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_exports_load_in_datasets(tmp_path):
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    export(run_folder(tmp_path / "run", PAIRS), tmp_path / "out", ["messages", "preference", "huggingface"])
    for name in ("messages", "preference"):
        loaded = datasets.load_dataset(
            "json", data_files=str(tmp_path / "out" / f"{name}.jsonl"), split="train", cache_dir=str(tmp_path / "c")
        )
        assert loaded.num_rows == 4
    folder = datasets.load_dataset(str(tmp_path / "out" / "huggingface"), split="train", cache_dir=str(tmp_path / "c"))
    assert folder.num_rows == 4 and set(folder.column_names) >= MAKING
