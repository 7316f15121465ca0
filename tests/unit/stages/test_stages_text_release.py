"""Does a text run whose figures fail stay here, and does one that passes go out with its story?"""

import json
import shutil

import pytest

from text_bank import bank_spec, write_lines
from veridical.cli.main import run
from veridical.core.contracts import RunContext
from veridical.core.errors import ReleaseRefused
from veridical.core.finding import Outcome
from veridical.spec.gates import Waiver
from veridical.spec.text import read_text
from veridical.stages.text import run_text
from veridical.stages.text_release import release_text
from veridical.stages.text_verdict import judge_text, outcome_lines, waived
from veridical.store.keys import KeyRing


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Real questions played as synthetic: every gate passes."""
    folder = tmp_path_factory.mktemp("good")
    path = bank_spec(folder, export=["classification", "huggingface"], licence="CC-BY-4.0")
    spec = read_text(path)
    made = run_text(spec, folder / "run", RunContext())
    return spec, made, judge_text(spec, made, RunContext(seed=1)), path


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """The seeds themselves said again."""
    folder = tmp_path_factory.mktemp("bad")
    path = bank_spec(folder, fault=True)
    spec = read_text(path)
    made = run_text(spec, folder / "run", RunContext())
    return spec, made, judge_text(spec, made, RunContext(seed=1)), path


def test_real_questions_pass_and_go_out_signed_with_their_story(good, tmp_path):
    spec, made, judged, _ = good
    assert judged.releasable and "text.tstr" in {finding.check for finding in judged.findings}
    exports = tmp_path / "export"
    exports.mkdir()
    (exports / "classification.jsonl").write_text("{}\n")
    done = release_text(spec, made, judged, exports=exports, ring=KeyRing(tmp_path / "keys"))
    names = {str(path.relative_to(done.folder)) for path in done.folder.rglob("*") if path.is_file()}
    assert {"data.jsonl", "data.parquet", "README.md", "report.html", "export/classification.jsonl"} <= names
    card = (done.folder / "README.md").read_text()
    assert "**Synthetic.** 120 records" in card and "No model judged the texts" in card and "CC-BY-4.0" in card
    page = (done.folder / "report.html").read_text()
    assert "No model judged the texts" in page and "120 records accepted, 0 turned away" in page
    assert "not measured, and not required" in outcome_lines(judged)[0]
    assert run(["verify", str(done.folder), "--keys", str(tmp_path / "keys")]) in (0, 2)


def test_copied_seeds_fail_and_are_refused_with_the_reason(bad, tmp_path):
    spec, made, judged, _ = bad
    failed = {result.gate.check for result in judged.verdict.results if result.outcome is Outcome.FAIL}
    assert "text.seed_copies" in failed
    assert any(line.startswith("failed      text.seed_copies: 100") for line in outcome_lines(judged))
    with pytest.raises(ReleaseRefused, match="seed_copies"):
        release_text(spec, made, judged, ring=KeyRing(tmp_path / "keys"))
    assert not (made.folder / "release").exists()


def test_records_that_changed_after_they_were_judged_are_refused(good, tmp_path):
    spec, made, judged, _ = good
    data = made.folder / "synthesize" / "data.jsonl"
    kept = data.read_bytes()
    try:
        data.write_bytes(kept + b"\n")
        with pytest.raises(ReleaseRefused, match="not those that were judged"):
            release_text(spec, made, judged, ring=KeyRing(tmp_path / "keys"))
    finally:
        data.write_bytes(kept)


def test_a_gate_that_a_person_waives_is_told_in_the_card(bad, tmp_path):
    spec, made, judged, _ = bad
    failed = {result.gate.check for result in judged.verdict.results if result.outcome is Outcome.FAIL}
    waivers = tuple(Waiver(check=check, by="Kim", because="an exercise") for check in sorted(failed))
    done = release_text(spec, made, waived(judged, waivers), ring=KeyRing(tmp_path / "keys"))
    assert "waived: text.seed_copies by Kim: an exercise" in (done.folder / "README.md").read_text()
    shutil.rmtree(done.folder)


def test_what_was_released_before_does_not_outlive_a_failed_judging(bad, tmp_path):
    spec, made, judged, _ = bad
    ring = KeyRing(tmp_path / "keys")
    failed = {result.gate.check for result in judged.verdict.results if result.outcome is Outcome.FAIL}
    waivers = tuple(Waiver(check=check, by="Kim", because="an exercise") for check in sorted(failed))
    for turn in range(2):  # an older withdrawn one gives way
        released = release_text(spec, made, waived(judged, waivers), ring=ring)
        (released.folder / "turn").write_text(str(turn))
        with pytest.raises(ReleaseRefused, match=r"moved to release\.withdrawn") as refused:
            release_text(spec, made, judged, ring=ring)
        assert "seed_copies" in refused.value.what
        assert not released.folder.exists()
        assert (made.folder / "release.withdrawn" / "turn").read_text() == str(turn)
    shutil.rmtree(made.folder / "release.withdrawn")


def test_the_command_exits_3_and_says_which_gate_failed(bad, capsys):
    _, made, _, path = bad
    assert run(["text", str(path), "-o", str(made.folder), "--quiet"]) == 3
    told = capsys.readouterr()
    assert "failed      text.seed_copies" in told.out and "seed_copies" in told.err
    assert not (made.folder / "release").exists()


def test_judging_alone_withdraws_too(bad, tmp_path, capsys):
    _, made, _, path = bad
    value = json.loads(path.read_text())
    judging = path.parent / "judging.yaml"
    judging.write_text(json.dumps({**value, "release": False}))
    (made.folder / "release").mkdir()
    assert run(["text", str(judging), "-o", str(made.folder), "--quiet"]) == 3
    assert "was moved to release.withdrawn" in capsys.readouterr().err
    assert not (made.folder / "release").exists()
    shutil.rmtree(made.folder / "release.withdrawn")


def test_a_run_without_seeds_is_judged_by_what_needs_none(tmp_path):
    lines = [
        {"match": ".", "reply": [f"A short story number {n} about the {n * 7919} geese of a lake." for n in range(40)]}
    ]
    write_lines(tmp_path / "t.jsonl", lines)
    value = {"recipe": {"prompt": {"prompt": "Tell {{ number }}."}}, "records": 40, "gates": "text",
             "models": {"teacher": {"provider": "scripted", "transcript": "t.jsonl"}}}  # fmt: skip
    (tmp_path / "s.yaml").write_text(json.dumps(value))
    spec = read_text(tmp_path / "s.yaml")
    made = run_text(spec, tmp_path / "run", RunContext())
    judged = judge_text(spec, made, RunContext())
    assert "nothing could be compared with real texts" in judged.report.read_text()
    assert {f.check for f in judged.findings if f.measured} >= {"text.duplicates", "text.personal", "text.distinct_2"}
