"""Do only the best of what was accepted go out, and does a quota that nobody obeys get refused?"""

import json

import pytest

from text_bank import write_lines
from veridical.cli.main import run
from veridical.core.contracts import RunContext
from veridical.core.errors import DataError, SpecError
from veridical.spec.text import read_text
from veridical.stages.text import run_text
from veridical.stages.text_best import shared_out
from veridical.stages.text_inspect import looking_into
from veridical.stages.text_parts import parts_of


def spec_file(folder, **more):
    """A run of 12 records over two topics, scored by how worthy each says it is."""
    lines = [{"match": "Score this.*worth 9", "reply": "worth:9"}]
    lines += [{"match": f"Score this.*worth {n}", "reply": f"worth:{n}"} for n in range(8, 0, -1)]
    lines += [{"match": f"about {topic}", "reply": [f"{topic} of worth {n}" for n in order]}
              for topic, order in (("tea", [3, 1, 9, 2, 8, 4]), ("rain", [5, 2, 1, 7, 3, 6]))]  # fmt: skip
    write_lines(folder / "t.jsonl", lines)
    model = {"provider": "scripted", "transcript": "t.jsonl"}
    value = {
        "recipe": {"prompt": {"prompt": "Write about {{ topic }}."}},
        "models": {"teacher": model, "reward": model},
        "records": 12,
        "quotas": {"topic": ["tea", "rain"]},
        "checks": [{"reward": {"weights": {"worth": 1.0}, "role": "reward"}}],
        "best": {"by": "worth", "records": 4},
        **more,
    }
    path = folder / "s.yaml"
    path.write_text(json.dumps(value))
    return path


def test_the_best_of_each_quota_go_out_and_the_others_say_why_not(tmp_path, capsys):
    spec = spec_file(tmp_path)
    assert run(["text", str(spec), "-o", str(tmp_path / "run"), "--quiet"]) == 0
    lines = (tmp_path / "run" / "synthesize" / "data.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["fields"]["text"] for line in lines) == [
        "rain of worth 6", "rain of worth 7", "tea of worth 8", "tea of worth 9",
    ]  # fmt: skip
    with looking_into(tmp_path / "run") as look:
        assert "go out      the best 4 by worth" in list(look.lines())
        left = [entry for entry in look.rejected() if entry["check"] == "best"]
    assert len(left) == 8
    assert "is not among the best 2 of 6" in left[0]["reason"]
    assert len((tmp_path / "run" / "synthesize" / "rejected.jsonl").read_text().splitlines()) == 8


def test_a_score_that_nobody_gives_is_said_with_those_there_are(tmp_path):
    spec = read_text(spec_file(tmp_path, best={"by": "beauty", "records": 4}))
    with pytest.raises(DataError, match=r"no record has the score 'beauty'.*reward, worth"):
        run_text(spec, tmp_path / "run", RunContext())


def test_more_of_the_best_than_there_are_records(tmp_path):
    with pytest.raises(SpecError, match="the best 40 of 12 records"):
        read_text(spec_file(tmp_path, best={"by": "worth", "records": 40}))


def test_shares_stay_what_they_were():
    assert shared_out(10, {"a": 1, "b": 99}) == {"a": 0, "b": 10}
    assert shared_out(200, {"a": 1, "b": 99}) == {"a": 1, "b": 99}
    assert sum(shared_out(7, dict.fromkeys("abcde", 3)).values()) == 7


def test_a_quota_that_nobody_obeys_is_refused_and_a_check_that_measures_it_helps(tmp_path):
    write_lines(tmp_path / "seeds.jsonl", [{"text": "Where is it?", "label": "lost"}] * 3)
    value = {
        "recipe": {"translation": {}},
        "models": {"teacher": "embedded"},
        "records": 4,
        "seeds": "seeds.jsonl",
        "quotas": {"label": ["lost"], "length": ["short", "long"]},
    }
    path = tmp_path / "s.yaml"
    path.write_text(json.dumps(value))
    with pytest.raises(SpecError, match="does not obey the quota 'length'"):
        parts_of(read_text(path))
    checks = [{"classed": {"length": {"short": [1, 9], "long": [10, 99]}}}]
    path.write_text(json.dumps({**value, "checks": checks}))
    assert parts_of(read_text(path)).checks[0].name == "classed"
