"""Does a file of sequences go all the way: learned as such, made, judged by entity, and continued?"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow.csv as pa_csv
import pytest
from click.testing import CliRunner

from sequence_data import visits
from veridical.cli.main import cli, main


def run(*words: str) -> str:
    done = CliRunner().invoke(cli, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def code_of(*words: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return ended.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sequence")
    pa_csv.write_csv(visits(120), place / "visits.csv")
    run("model", str(place / "visits.csv"), "-o", str(place / "run"), "-q")
    return place


def test_learn_says_that_rows_are_sequences(folder: Path) -> None:
    told = run("learn", str(folder / "visits.csv"), "-o", str(folder / "learned"))
    assert "order day" in told
    schema = (folder / "learned" / "learn" / "schema.yaml").read_text()
    assert 'series: ["patient"]' in schema


def test_the_holdout_is_of_whole_entities_and_the_engine_fits(folder: Path) -> None:
    record = json.loads((folder / "run" / "model" / "model.json").read_text())
    assert record["engine"] == "sequence"
    assert 0.6 < record["train_rows"] / 1080 < 0.95


def test_entities_are_sampled(folder: Path) -> None:
    run("sample", str(folder / "run" / "model"), "--entities", "25", "-o", str(folder / "made.csv"), "-q")
    made = pd.read_csv(folder / "made.csv")
    assert made["patient"].nunique() == 25
    assert (made["low"] <= made["high"]).all()


def test_a_past_is_continued(folder: Path) -> None:
    past = visits(4).to_pandas()
    past.to_csv(folder / "past.csv", index=False)
    words = ["--continue", str(folder / "past.csv"), "--steps", "5", "-o", str(folder / "next.csv")]
    assert "20 rows" in run("sample", str(folder / "run" / "model"), *words)
    after = pd.read_csv(folder / "next.csv")
    assert (after.groupby("patient")["day"].min() > past.groupby("patient")["day"].max()).all()


def test_mistakes_are_told(folder: Path) -> None:
    model = str(folder / "run" / "model")
    assert code_of("sample", model, "--steps", "5", "-o", str(folder / "x.csv")) == 2
    pd.DataFrame({"patient": ["a"], "day": [1]}).to_csv(folder / "short.csv", index=False)
    assert code_of("sample", model, "--continue", str(folder / "short.csv"), "-o", str(folder / "x.csv")) == 2
    assert not (folder / "x.csv").exists()


@pytest.mark.slow
def test_synth_judges_sequences_by_entity(folder: Path) -> None:
    output = folder / "whole"
    with suppress(SystemExit):
        main(["synth", str(folder / "visits.csv"), "-o", str(output), "-q"])
    verdict = json.loads((output / "validate" / "verdict.json").read_text())
    checks = {result["gate"]["check"]: result["outcome"] for result in verdict["results"]}
    assert checks["privacy.entity_copies"] == "pass"
    assert checks["sequence.lag_1"] == "pass"
    assert checks["sequence.backward_time"] == "pass"
    assert "privacy.membership.distance" not in checks
