"""A question is accepted only where its answer stands in the source: each planted fault is told by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from veridical.core.errors import SpecError
from veridical.engines.grounded.alignment import agreement, align
from veridical.engines.grounded.triplet import Grounded
from veridical.llm.candidate import Candidate
from veridical.llm.chat import ChatReply, ChatRequest

DOCUMENTS = {
    "bridge": "The harbour bridge of Morley was opened in 1932. It cost **4.2 million** crowns and took 1,400 men.",
    "library": "The town library was founded in 1871 by Agnes Tull. Agnes Tull left it four thousand books.",
    "tull": "Agnes Tull was born in Scatchford. She was the widow of a mill owner.",
    "ferry": "The harbour ferry of Morley sails at noon. It carries 60 cars and crossed first in 1899.",
    "한강": "서울의 한강대교는 1917년에 개통되었다. 다리를 놓은 사람은 김순이였다.",
}
GOOD = {
    "question": "When was the harbour bridge opened?",
    "answer": "1932",
    "quote": "bridge of Morley was opened in 1932",
}
JOINED = {
    "question": "Where was the founder of the town library born?",
    "answer": "Scatchford",
    "quote": "founded in 1871 by Agnes Tull",
    "second_quote": "Agnes Tull was born in Scatchford",
}


def recipe(folder: Path, **options) -> Grounded:
    lines = [json.dumps({"id": name, "text": text}, ensure_ascii=False) for name, text in DOCUMENTS.items()]
    (folder / "documents.jsonl").write_text("\n".join(lines))
    return Grounded(documents="documents.jsonl", beside=folder, **{"searched": 3, **options})


async def made(folder: Path, kind: str, homes: list[str], written: dict[str, str], **read: str) -> Candidate:
    """Return what becomes of a written object when the reader says `read` by step ("NONE" where it is silent)."""
    options = {"distractors": 2} | read.pop("options", {})
    asker = recipe(folder, kinds=(kind,), **options)
    places = [next(n for n, c in enumerate(asker.corpus.chunks) if c.document == name) for name in homes]

    async def ask(request: ChatRequest, *, step: str = "", role: str = "teacher") -> ChatReply:
        if step.startswith("write"):
            return ChatReply(text=json.dumps(written), model="m")
        return ChatReply(text=read.get(step.removeprefix("read."), read.get("corpus", "NONE")), model="m")

    spec = {"task": 0, "kind": kind, "gold": places, "entity": ["Agnes Tull"], "source": "x"}
    (candidate,) = await asker.make(spec, ask)
    return candidate


async def test_a_grounded_question_stays_with_its_places(tmp_path):
    found = await made(tmp_path, "single_hop", ["bridge"], GOOD, gold="1932.")
    assert found.rejected is None
    for span in found.fields["spans"]:
        assert DOCUMENTS[span["document"]][span["start"] : span["end"]] == span["text"]
    assert [span["role"] for span in found.fields["spans"]] == ["answer", "evidence"]
    assert found.scores["answerable"] == 1.0 and found.scores["closed_book"] == 0.0
    assert found.steps == ("write", "read.gold", "read.closed")


@pytest.mark.parametrize(
    ("written", "read", "check"),
    [
        ({"quote": "the bridge of sighs"}, {"gold": "1932"}, "alignment"),
        ({"answer": "1955"}, {"gold": "1955"}, "alignment"),
        ({}, {"gold": "NONE"}, "answerable"),
        ({}, {"gold": "1871"}, "answerable"),
        ({}, {"gold": "1932", "closed": "In 1932"}, "closed_book"),
        ({"question": "Was the bridge opened in 1932?"}, {"gold": "1932"}, "gives_away"),
        ({"question": "What does the passage say was opened?"}, {"gold": "1932"}, "question"),
        ({"question": "Hm?"}, {"gold": "1932"}, "question"),
    ],
)
async def test_each_fault_of_a_single_hop_is_told(tmp_path, written, read, check):
    found = await made(tmp_path, "single_hop", ["bridge"], {**GOOD, **written}, **read)
    assert found.rejected is not None and found.rejected.check == check


async def test_two_hops_need_both_passages(tmp_path):
    found = await made(tmp_path, "multi_hop", ["library", "tull"], JOINED, gold="Scatchford")
    assert found.rejected is None and found.scores["part"] == 0.0
    assert {span["document"] for span in found.fields["spans"]} == {"library", "tull"}
    lazy = await made(tmp_path, "multi_hop", ["library", "tull"], JOINED, gold="Scatchford", without0="Scatchford")
    assert lazy.rejected.check == "subset"
    one_sided = {**JOINED, "quote": "She was the widow of a mill owner"}
    assert (
        await made(tmp_path, "multi_hop", ["library", "tull"], one_sided, gold="Scatchford")
    ).rejected.check == "alignment"


async def test_the_recipe_finds_two_hops_itself(tmp_path):
    asker = recipe(tmp_path, kinds=("multi_hop",))
    spec = asker.plan(0, {})
    assert spec["entity"] == ["Agnes Tull"] and len(spec["gold"]) == 2
    assert asker.plan(0, {}) == spec


async def test_distractors_may_not_lead_astray(tmp_path):
    found = await made(tmp_path, "distracting", ["bridge"], GOOD, gold="1932", among="1932")
    assert found.rejected is None
    contexts = found.fields["contexts"]
    assert [c["document"] for c in contexts if not c["gold"]] == ["ferry"] and len(contexts) == 2
    assert all("1932" not in context["text"] for context in contexts if not context["gold"])
    astray = await made(tmp_path, "distracting", ["bridge"], GOOD, gold="1932", among="1899")
    assert astray.rejected.check == "distractors"


async def test_comparison_may_be_answered_yes(tmp_path):
    written = {
        "question": "Is the harbour bridge of Morley older than the harbour ferry?",
        "answer": "No",
        "quote": "opened in 1932",
        "second_quote": "crossed first in 1899",
    }
    assert (await made(tmp_path, "comparison", ["bridge", "ferry"], written, gold="No.")).rejected is None


async def test_a_follow_up_needs_its_conversation(tmp_path):
    written = {
        "first_question": "What was opened in 1932?",
        "first_answer": "the harbour bridge",
        "question": "And what did it cost?",
        "standalone": "What did the harbour bridge cost?",
        "answer": "4.2 million crowns",
        "quote": "cost 4.2 million crowns",
    }
    found = await made(tmp_path, "conversational", ["bridge"], written, gold="4.2 million crowns")
    assert found.rejected is None
    assert found.fields["history"] == [{"question": "What was opened in 1932?", "answer": "the harbour bridge"}]
    assert found.fields["spans"][0]["text"] == "4.2 million** crowns", (
        "markup of the source stays in the source's words"
    )
    same = {**written, "standalone": "And what did it cost?"}
    lost = await made(tmp_path, "conversational", ["bridge"], same, gold="4.2 million crowns")
    assert lost.rejected.check == "conversation"


async def test_unanswerable_is_held_against_the_whole_corpus(tmp_path):
    written = {"question": "Who designed the harbour bridge of Morley?"}
    found = await made(tmp_path, "unanswerable", ["bridge"], written)
    assert found.rejected is None and found.fields["answer"] == "" and found.fields["answerable"] is False
    assert found.scores["passages_read"] >= 3
    elsewhere = {"question": "When did the harbour ferry of Morley cross first?"}
    lost = await made(tmp_path, "unanswerable", ["bridge"], elsewhere, corpus1="1899", corpus2="1899", corpus3="1899")
    assert lost.rejected.check == "answered_in_corpus"
    babble = await made(tmp_path, "unanswerable", ["bridge"], written, corpus="Sir Norman")
    assert babble.rejected is None, "an answer that stands nowhere is none"


async def test_scope_is_measured(tmp_path):
    far = {"question": "Which vitamin is found in oranges and lemons?"}
    assert (await made(tmp_path, "out_of_scope", ["bridge"], far)).rejected is None
    near = {"question": "The harbour bridge of Morley was opened when and by whom?"}
    assert (await made(tmp_path, "out_of_scope", ["bridge"], near)).rejected.check == "scope"


async def test_korean_is_aligned_before_its_particles(tmp_path):
    written = {
        "question": "한강대교를 놓은 사람은 누구인가?",
        "answer": "김순이",
        "quote": "다리를 놓은 사람은 김순이였다.",
    }
    found = await made(tmp_path, "single_hop", ["한강"], written, gold="김순이", options={"language": "Korean"})
    assert found.rejected is None and found.fields["spans"][0]["text"] == "김순이"


async def test_a_weak_model_only_writes_the_question(tmp_path):
    asker = recipe(tmp_path, kinds=("single_hop",), style="completion")
    spec = asker.plan(3, {})
    prompts = []

    async def ask(request: ChatRequest, *, step: str = "", role: str = "teacher") -> ChatReply:
        prompts.append(request.prompt)
        answer = prompts[0].rpartition("Answer: ")[2].partition("\n")[0]
        return ChatReply(
            text={"write": " What is it that stands there?", "read.gold": answer}.get(step, "NONE"), model="m"
        )

    (found,) = await asker.make(spec, ask)
    assert found.rejected is None
    span = found.fields["spans"][0]
    assert DOCUMENTS[span["document"]][span["start"] : span["end"]] == found.fields["answer"]


def test_wrong_options_are_told(tmp_path):
    with pytest.raises(SpecError, match="riddle"):
        recipe(tmp_path, kinds=("riddle",))
    with pytest.raises(SpecError, match="conversational"):
        recipe(tmp_path, kinds=("conversational",), style="completion").plan(0, {})


def test_alignment_keeps_to_words():
    text = "A catalogue of cats; e.g. the cat, 1,400 of them."
    place = align("cat", text)
    assert text[place.start : place.end] == "cat" and place.start == text.index("cat,")
    assert align("alogue", text) is None and align("1400", text) is not None and align("!", text) is None
    assert agreement("", "x") == 0.0 and agreement("NATO forces", "forces of NATO") == pytest.approx(0.8)
