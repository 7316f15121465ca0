"""Does the loop put its money where the student is wrong, at the same cost as chance, and go on after a crash?"""

import json
import re

import pytest

from llm_server import LLMServer, chat
from shared_data import shared
from veridical.cli import main as door
from veridical.core.contracts import RunContext
from veridical.core.errors import SpecError
from veridical.curate.setting import read_records
from veridical.spec.improve import read_improve
from veridical.stages.improve import RANDOM, TARGETED, allotted, curve_lines, improve
from veridical.training.student import learn

WORDS = {
    "taxi": ["taxi", "cab", "driver", "ride", "pick me up", "fare"],
    "bank": ["bank", "account", "loan", "money", "transfer", "interest"],
    "food": ["pizza", "dinner", "soup", "restaurant", "menu", "breakfast"],
}


def sentence(label, number):
    words = WORDS[label]
    return f"Please tell me about the {words[number % 6]} and the {words[(number // 6) % 6]}, case {number}."


def files(folder, url, **more):
    held = [{"text": sentence(label, 7 * n), "label": label} for label in WORDS for n in range(12)]
    (folder / "held.jsonl").write_text("\n".join(map(json.dumps, held)))
    options = {"task": "questions", "labels": dict.fromkeys(WORDS, ""), "shots": 0}
    spec = {
        "recipe": {"name": "classification", "options": options},
        "models": {"teacher": {"model": "m", "base_url": url}},
        "records": 6, "quotas": {"label": list(WORDS)}, "target": "label", "holdout": "held.jsonl",
    }  # fmt: skip
    (folder / "text.yaml").write_text(json.dumps(spec))
    (folder / "loop.yaml").write_text(json.dumps({"run": "text.yaml", "first": 6, "each": 9, "rounds": 2, **more}))
    return folder / "loop.yaml"


def teacher(asked):
    """Know "food" badly at first: the first texts of that class speak of banks."""
    label = re.search(r'class "(\w+)"', asked.text)[1]
    return chat(sentence("bank" if label == "food" and asked.number < 6 else label, asked.number))


def test_the_targeted_arm_asks_for_what_is_wrong_and_the_random_arm_costs_the_same(tmp_path, capsys):
    with LLMServer(teacher) as server:
        loop = files(tmp_path, server.url)
        done = improve(read_improve(loop), tmp_path / "out", RunContext())
        asked = len(server.asked)
        assert door.run(["text", "improve", str(loop), "-o", str(tmp_path / "out"), "-q"]) == 0
        assert len(server.asked) == asked, "a finished loop asks nobody again"
    assert "targeted minus random" in capsys.readouterr().out
    by = {(r.arm, r.round): r for r in done.rounds}
    assert by[TARGETED, 0].accuracy == by[RANDOM, 0].accuracy
    wanted = by[TARGETED, 1].wanted
    assert max(wanted, key=wanted.get) == "food" and sum(wanted.values()) == 9
    for number in (1, 2):
        assert abs(by[TARGETED, number].asked - by[RANDOM, number].asked) <= 1
    assert done.gain_low <= done.gain <= done.gain_high
    kept = json.loads((tmp_path / "out" / "improve.json").read_text())
    assert len(kept["rounds"]) == 6 and {"distinct_2", "vendi_share", "label_entropy"} <= set(kept["rounds"][0])
    assert any("vendi" in line for line in curve_lines(done))


def test_a_teacher_that_says_one_thing_shows_in_the_figures(tmp_path):
    with LLMServer(lambda asked: chat(WORDS[re.search(r'class "(\w+)"', asked.text)[1]][0])) as server:
        done = improve(read_improve(files(tmp_path, server.url, rounds=1)), tmp_path / "out", RunContext())
    last = done.rounds[-1]
    assert last.repeats >= last.texts - 3
    assert last.vendi_share < 0.5


def test_allotted_adds_up_and_follows_the_mistakes():
    assert allotted(7, {"a": 0.0, "b": 0.0}, floor=0.0) == {"a": 4, "b": 3}
    for count in range(1, 30):
        given = allotted(count, {"a": 0.6, "b": 0.1, "c": 0.0}, floor=0.2)
        assert sum(given.values()) == count
    assert given["a"] > given["b"] >= given["c"] > 0


def test_wrong_files_are_told(tmp_path):
    loop = files(tmp_path, "http://localhost:1/v1")
    (tmp_path / "bad.yaml").write_text(json.dumps({"run": "text.yaml", "first": 6, "each": 9, "round": 2}))
    with pytest.raises(SpecError, match="round"):
        read_improve(tmp_path / "bad.yaml")
    text = json.loads((tmp_path / "text.yaml").read_text())
    del text["target"]
    (tmp_path / "text.yaml").write_text(json.dumps(text))
    with pytest.raises(SpecError, match="labels to learn"):
        read_improve(loop)


def test_a_student_learns_real_intents():
    records = list(read_records(shared("banking77/train.jsonl.gz")))[:400]
    texts, labels = [str(r["text"]) for r in records], [str(r["category"]) for r in records]
    student = learn(texts[::2], labels[::2])
    assert student.right(texts[1::2], labels[1::2]).mean() > 0.6
