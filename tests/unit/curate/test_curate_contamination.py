"""Decontamination finds what was planted and leaves other texts alone."""

import asyncio
import json
import random

import pytest

from shared_data import shared
from veridical.curate.contamination import Decontamination
from veridical.curate.span import longest_run
from veridical.curate.word import words_of
from veridical.llm.candidate import Candidate, Rejection
from veridical.llm.chat import ChatReply

ITEMS = [
    "A farmer has seventeen sheep and buys nine more at the market before selling four of them to his neighbour; how many are left?",
    "Water boils at a lower temperature on a high mountain because the pressure of the air above it is lower than at the sea.",
    "Write a function that returns the largest product of two neighbouring numbers in a list of integers without sorting it first.",
]  # fmt: skip
FILLER = "Some words of my own stand before it, as they would in a real record. "


@pytest.fixture
def check(tmp_path):
    lines = "".join(json.dumps({"id": n, "question": text, "answer": str(n)}) + "\n" for n, text in enumerate(ITEMS))
    (tmp_path / "exam.jsonl").write_text(lines)
    return Decontamination(benchmarks={"exam": "exam.jsonl"}, beside=tmp_path, meaning="on")


def test_the_longest_contaminated_span_is_told(check):
    words = words_of(ITEMS[0])
    found = check.overlap(FILLER + " ".join(words[2:18]) + " and so on, in other words, as it were.")
    assert (found.rule, found.span, found.benchmark, found.item) == ("span", 16, "exam", 0)
    rejected = asyncio.run(check(Candidate(fields={"text": FILLER + ITEMS[1]}), None))
    assert isinstance(rejected, Rejection) and "exam" in rejected.reason and "boils" not in rejected.reason


def test_twelve_words_alone_are_no_span_and_other_texts_are_clean(check):
    words = words_of(ITEMS[2])
    assert check.overlap(FILLER * 3 + " ".join(words[3:9]) + " " + FILLER).rule in ("", "suspect")
    assert check.overlap("Where can I get my hair cut on a Sunday in this town?").rule == ""


def test_spacing_and_punctuation_do_not_hide_a_copy(check):
    assert check.overlap(ITEMS[1].upper().replace(" ", " - ")).rule == "span"
    assert (
        check.overlap(
            "wr ite a func tion that returns the lar gest product of two neigh bouring num bers in a list of integers"
        ).rule
        == "piece"
    )


def test_a_light_paraphrase_is_found_by_meaning(check):
    found = check.overlap(
        "Because the air pressure on top of a high mountain is lower than at the sea, water boils at a lower temperature there."
    )
    assert found.rule == "meaning" and found.item == 1


def test_items_that_are_worded_alike_are_told_apart_by_their_rare_words(tmp_path):
    shapes = ["cone", "cube", "sphere", "pyramid", "cylinder", "torus", "prism", "ellipsoid"]
    asked = [f"Write a function to find the {measure} of a {s}." for measure in ("volume", "surface") for s in shapes]
    (tmp_path / "exam.jsonl").write_text("".join(json.dumps({"question": text}) + "\n" for text in asked))
    check = Decontamination(benchmarks={"exam": "exam.jsonl"}, beside=tmp_path, meaning="on")
    for item in (0, 5, 11):
        told = asked[item].lower().replace("function", "routine").replace("find", "determine")
        assert (found := check.overlap(f"Tell me this: {told}")).rule == "meaning" and found.item == item
    for other in (
        "a list of the primes below a bound",
        "the day of the week of a date",
        "the area of a football field",
    ):
        assert check.overlap(f"Write a function to find {other}.").rule in ("", "suspect")


def test_the_version_follows_the_file(check, tmp_path):
    before = check.identity["benchmarks"]["exam"]
    (tmp_path / "exam.jsonl").write_text(json.dumps({"question": "Another question of quite another kind?"}) + "\n")
    assert Decontamination(benchmarks={"exam": "exam.jsonl"}, beside=tmp_path).identity["benchmarks"]["exam"] != before


def test_a_judge_is_asked_about_suspects_only(tmp_path):
    (tmp_path / "exam.jsonl").write_text(json.dumps({"question": ITEMS[1]}) + "\n")
    check = Decontamination(
        benchmarks={"exam": "exam.jsonl"}, beside=tmp_path, meaning="on", judge="judge", near=0.999, suspect=0.3
    )
    asked = []

    async def ask(request, *, step="", role=""):
        asked.append(role)
        return ChatReply(text="Yes.")

    near = Candidate(fields={"text": "Why does water boil sooner on mountains, where air is thin?"})
    assert isinstance(asyncio.run(check(near, ask)), Rejection) and asked == ["judge"]
    far = Candidate(fields={"text": "My cat is called Minka."})
    assert isinstance(asyncio.run(check(far, ask)), Candidate) and asked == ["judge"]


def test_runs_of_hits_are_counted_in_words():
    import numpy as np

    assert longest_run(np.zeros(5, bool), 13) == 0
    assert longest_run(np.array([1, 1, 1], bool), 13) == 15


@pytest.mark.slow
def test_every_planted_span_of_thirteen_words_is_found_in_real_benchmarks():
    check = Decontamination(benchmarks={"all": str(shared("benchmarks"))})
    rng = random.Random(0)
    items = [item for item in check._items if len(words_of(item)) >= 13]
    missed = 0
    for item in rng.sample(items, 1000):
        words = words_of(item)
        start = rng.randrange(len(words) - 12)
        span = words[start : start + rng.choice([13, 14, 20])]
        missed += check.overlap(f"{FILLER}{' '.join(span)} and then something else is said.").rule == ""
    assert missed == 0


SWAPS = {"how many": "what number of", "does": "will", "buys": "purchases", "each": "every", "total": "overall", "day": "day",
         "gives": "hands", "makes": "produces", "wants": "would like", "than": "than", "needs": "requires", "also": "in addition",
         "then": "afterwards", "if": "supposing", "children": "kids", "money": "cash", "big": "large", "has": "owns"}  # fmt: skip


def lightly_paraphrased(text, rng):
    """Swap words for near ones, move the last sentence's opening, drop a filler: numbers and names stay."""
    text = text.lower()
    for old, new in SWAPS.items():
        text = text.replace(f" {old} ", f" {new} ")
    words = text.split()
    for place in range(4, len(words) - 1, 7):
        if rng.random() < 0.7 and not any(sign.isdigit() for sign in words[place]):
            words[place] = words[place] if len(words[place]) > 4 else ""
    return "Tell me this: " + " ".join(word for word in words if word)


@pytest.mark.slow
def test_light_paraphrases_of_real_items_are_found_and_other_instructions_are_not():
    check = Decontamination(benchmarks={"gsm8k": str(shared("benchmarks/gsm8k_test.jsonl.gz"))}, meaning="on")
    rng = random.Random(1)
    questions = rng.sample(check._questions, 200)
    found = sum(check.overlap(lightly_paraphrased(text, rng)).rule not in ("", "suspect") for text in questions)
    assert found >= 180
    import gzip

    with gzip.open(shared("instruction_demos/alpaca_en_demo.jsonl.gz"), "rt", encoding="utf-8") as file:
        other = [json.loads(line)["instruction"] for line in file][:300]
    assert sum(check.overlap(text).rule not in ("", "suspect") for text in other) <= 3
