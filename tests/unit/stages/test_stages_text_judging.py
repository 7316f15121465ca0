"""Is a judge that nobody held against people called uncalibrated everywhere, and can a stranger calibrate it?"""

import json
import re

import pytest

from text_bank import bank_spec, write_lines
from veridical.cli.main import run
from veridical.core.contracts import RunContext
from veridical.spec.text import read_text
from veridical.stages.text import run_text
from veridical.stages.text_compare import compare_runs
from veridical.stages.text_inspect import looking_into
from veridical.stages.text_judging import judges_of, judging

JUDGE = {"judge": {"provider": "scripted", "transcript": "judge.jsonl"}}


def sample(folder, count=60, grade="grade"):
    """Write records that people graded: each says its own grade; longer ones and those by "gpt" are no better."""
    rows = [
        {"text": f"record {n} of worth {n % 5 + 1} " + "and more " * (n // 5 % 4), grade: n % 5 + 1,
         "by": "judge.jsonl" if n % 2 else "someone"}
        for n in range(count)
    ]  # fmt: skip
    return write_lines(folder / "sample.jsonl", rows)


def judge_says(folder, *, fair):
    rules = [{"match": "Which of two", "reply": "T" if fair else "A"}]
    if fair:
        rules += [{"match": f"Grade this.*of worth {n}", "reply": f"Plain.\nGrade: {n}"} for n in range(1, 6)]
    rules += [{"match": "Grade this.*and more and more", "reply": "Long and good.\nGrade: 5"},
              {"match": "Grade this", "reply": ["Grade: 2", "Grade: 3", "Grade: 4"]}]  # fmt: skip
    write_lines(folder / "judge.jsonl", rules)


def judged_spec(folder, **options):
    return bank_spec(folder, rows=16, models=JUDGE, checks=[{"judge": {"at_least": 1, **options}}])


def test_a_stranger_calibrates_the_judge_and_every_report_knows(tmp_path, capsys):
    judge_says(tmp_path, fair=True)
    spec = judged_spec(tmp_path)
    assert run(["text", "calibrate", str(spec), str(sample(tmp_path))]) == 0
    told = capsys.readouterr().out
    assert "kappa)      1.00  [1.00, 1.00]  n 60" in told and "CALIBRATED" in told
    assert "took the same place both times     0.00" in told
    assert re.search(r"its own texts +not measured", told)
    run_text(read_text(spec), tmp_path / "a", RunContext())
    trusting = judged_spec(tmp_path, calibration="judge.json")
    run_text(read_text(trusting), tmp_path / "b", RunContext())
    assert "agrees with them" in judging(read_text(trusting), tmp_path / "b")[0]
    with looking_into(tmp_path / "a") as look:
        assert any("UNCALIBRATED" in line for line in look.lines())
    assert "UNCALIBRATED" in " ".join(compare_runs(tmp_path / "a", tmp_path / "b").lines())


def test_an_unfair_judge_is_found_out_and_refused(tmp_path, capsys):
    judge_says(tmp_path, fair=False)
    spec = judged_spec(tmp_path)
    graded = sample(tmp_path)
    assert run(["text", "calibrate", str(spec), str(graded), "--author-field", "by", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["trusted"] is False and found["kappa"]["low"] < 0.4
    assert found["position"]["value"] == 1.0  # the first place always won
    assert found["length"]["low"] > 0.1  # long records got 5
    # Asked again nothing is paid again, and the file of another judge is no calibration of this one.
    write_lines(tmp_path / "judge.jsonl", [{"match": "Grade", "reply": "Grade: 4"}])
    trusting = read_text(judged_spec(tmp_path, calibration="judge.json"))
    run_text(trusting, tmp_path / "c", RunContext())
    assert "UNCALIBRATED" in judging(trusting, tmp_path / "c")[0]


def test_self_preference_is_measured_where_authors_are_known(tmp_path, capsys):
    rows = [{"text": f"record {n} by {'us' if n % 2 else 'them'}", "grade": n // 2 % 5 + 1,
             "by": "me" if n % 2 else "them"} for n in range(60)]  # fmt: skip
    graded = write_lines(tmp_path / "sample.jsonl", rows)
    judge_says(tmp_path, fair=False)
    rules = [{"match": "Which of two", "reply": "T"}, {"match": "Grade this.*by us", "reply": "Grade: 5"},
             {"match": "Grade this", "reply": ["Grade: 2", "Grade: 3"]}]  # fmt: skip
    write_lines(tmp_path / "judge.jsonl", rules)
    from veridical.llm.providers.scripted import from_transcript

    name = from_transcript(tmp_path / "judge.jsonl").name
    write_lines(tmp_path / "sample.jsonl", [{**row, "by": name if row["by"] == "me" else "them"} for row in rows])
    assert run(["text", "calibrate", str(judged_spec(tmp_path)), str(graded), "--author-field", "by", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["own"]["low"] > 1.0


@pytest.mark.parametrize(
    ("rows", "said"),
    [([{"text": "a"}], "has no number in 'grade'"), ([{"text": "a", "grade": 9}] * 3, "give both one scale")],
)
def test_a_sample_that_says_nothing_is_refused(tmp_path, capsys, rows, said):
    judge_says(tmp_path, fair=True)
    graded = write_lines(tmp_path / "sample.jsonl", rows)
    assert run(["text", "calibrate", str(judged_spec(tmp_path)), str(graded)]) == 2
    assert said in capsys.readouterr().err


def test_grades_of_0_and_1_are_held_against_what_the_check_lets_pass(tmp_path, capsys):
    judge_says(tmp_path, fair=True)
    rows = [{"text": f"record {n} of worth {n % 5 + 1}", "grade": int(n % 5 + 1 >= 4)} for n in range(50)]
    graded = write_lines(tmp_path / "sample.jsonl", rows)
    spec = bank_spec(tmp_path, rows=8, models=JUDGE, checks=[{"judge": {"at_least": 4}}])
    assert run(["text", "calibrate", str(spec), str(graded), "--pairs", "0"]) == 0
    assert "kappa)      1.00" in capsys.readouterr().out


def test_who_judges_is_known_from_the_spec_alone(tmp_path):
    plain = read_text(bank_spec(tmp_path, rows=8, checks=["refusal"]))
    assert judges_of(plain) == {}
    assert judging(plain, tmp_path) == ["No model judged the texts; rules, likelihood and embeddings (refusal) did."]
    weak = {"provider": "embedded"}
    spec = {"recipe": {"preference": {"by": "pairwise"}}, "models": {"teacher": weak, "judge": weak}, "records": 1}
    (tmp_path / "p.yaml").write_text(json.dumps(spec))
    said = " ".join(judging(read_text(tmp_path / "p.yaml"), tmp_path))
    assert "UNCALIBRATED" in said and "rates good and bad alike" in said
