"""Every recipe against a scripted model: what is asked, what becomes of good, cut, refused and unreadable replies."""

import asyncio
import json

import pytest

from veridical.core.errors import SpecError
from veridical.curate.word import numbered_items
from veridical.engines.text.augmentation import way_for
from veridical.engines.text.catalog import RECIPES
from veridical.engines.text.evol_instruct import failed, gainless
from veridical.engines.text.self_instruct import unfit
from veridical.llm.candidate import Candidate, Recipe, Setting
from veridical.llm.chat import ChatReply, ChatRequest, Finish
from veridical.llm.providers.scripted import Scripted

QUESTIONS = [{"instruction": f"Explain topic number {n} to a friend.", "question": f"What is {n} + 1?",
              "output": f"It is {n + 1}.", "answer": str(n + 1), "text": f"He lost his card number {n} today.",
              "label": "lost" if n % 2 else "found"} for n in range(10)]  # fmt: skip


def filled(request, again):
    """Answer with exactly the fields that the schema names."""
    return json.dumps({name: f"요약해 주세요 {name}." for name in request.schema["properties"]}, ensure_ascii=False)


def build(name, options, seeds=QUESTIONS, seed=5, tmp_path=None):
    setting = Setting(beside=tmp_path, seed=seed, records=40)
    return RECIPES.load(name).from_options({"seeds": seeds, **options} if seeds else options, setting)


def run(recipe, script, number=0, wanted=None):
    """Return the candidates of one task and what was asked, in order."""
    asked: list[tuple[str, str, ChatRequest]] = []
    model = Scripted(script=script)

    async def ask(request, *, step="", role="teacher"):
        asked.append((step, role, request))
        return await model.complete(request)

    spec = json.loads(json.dumps(recipe.plan(number, wanted or {})))  # what the journal gives back
    made = asyncio.run(recipe.make(spec, ask))
    assert len({step for step, _, _ in asked}) == len(asked), "steps must tell questions apart"
    return made, asked


def said(text):
    return lambda request, again: text


def last(request):
    return request.prompt if request.prompt is not None else request.messages[-1].content


def in_turn(*replies):
    """Answer by the first pair whose words stand in the question."""

    def script(request, again):
        for words, reply in replies:
            if words in last(request):
                return reply(request, again) if callable(reply) else reply
        raise AssertionError(f"nobody expected: {last(request)[:200]}")

    return script


CASES = {
    "classification": ({"task": "bank questions"}, said("Where is the card that I lost?"), {"text", "label"}),
    "few_shot": ({"task": "Riddles.", "fields": ["text"]}, filled, {"text"}),
    "zero_shot": ({"task": "Riddles."}, filled, {"text"}),
    "attributes": ({"task": "Mail.", "attributes": {"tone": ["calm", "angry"]}}, filled, {"text", "tone"}),
    "self_instruct": (
        {},
        in_turn(
            ("Come up with", "Name three colours of the sky.\n10. Sort these five words by length."),
            ("Is this a classification", "No"),
            ("Write one example", filled),
        ),
        {"instruction", "input", "output", "is_classification"},
    ),
    "evol_instruct": (
        {"rounds": 2, "breadth_share": 0.0},
        in_turn(
            ("Rewrite the instruction", "Explain the topic to a friend of yours in three numbered steps, with sources."),
            ("Do these two", "No."),
            ("Explain the topic", "Step one is to begin; step two is to go on."),
        ),
        {"instruction", "output"},
    ),
    "magpie": ({}, in_turn(("<|im_start|>user", "Why is the sky blue?"), ("Why is the", "Scattering.")), {"instruction", "output"}),
    "personas": ({"wish": "Ask your bank."}, said("A retired sailor who keeps bees."), {"persona", "relation", "text"}),
    "distillation": (
        {"answer_field": "answer"},
        in_turn(("reason", "<think>One more.</think>\nAnswer: 1")),
        {"instruction", "reasoning", "output", "system"},
    ),
    "augmentation": ({"way": "rephrase"}, said("What do you get from adding one?"), {"instruction", "output"}),
    "preference": (
        {"answers": 3},
        lambda request, again: "7" if "Grade this" in last(request) and "seed" not in last(request) else f"answer {request.seed}",
        {"instruction", "chosen", "rejected"},
    ),
    "critique": (
        {},
        in_turn(("Criticism:", "A better answer."), ("Criticise", "It is vague."), ("Explain", "A draft.")),
        {"instruction", "output", "critique", "chosen", "rejected"},
    ),
    "translation": ({"at_least": -1.0}, said("그는 오늘 카드를 잃어버렸어요."), {"source_text", "translation"}),
    "korean": ({}, filled, {"instruction", "input", "output", "domain", "style", "level"}),
    "counterfactual": ({}, said(""), {"text", "counterfactual", "attribute", "label"}),
    "column": ({"column": "text", "context": ["label"], "records": 9}, said("He found it."), {"text", "label", "row_number"}),
}  # fmt: skip


def seeds_of(name):
    return None if name in ("zero_shot", "magpie") else QUESTIONS


def test_every_recipe_of_this_room_has_a_case():
    assert {card.name for card in RECIPES if card.target.startswith("veridical.engines.text.")} == set(CASES)


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_recipe_makes_records_and_plans_the_same_twice(name, tmp_path):
    options, script, fields = CASES[name]
    recipe = build(name, options, seeds_of(name), tmp_path=tmp_path)
    assert isinstance(recipe, Recipe)
    json.dumps(recipe.identity)
    if name == "preference":
        made, _ = run(recipe, graded)
    else:
        made, _ = run(recipe, script)
    assert made
    assert [candidate.rejected for candidate in made] == [None] * len(made) or name == "evol_instruct"
    assert fields <= set(made[0].fields)
    assert made[0].steps
    twin = build(name, options, seeds_of(name), tmp_path=tmp_path)
    third = build(name, options, seeds_of(name), tmp_path=tmp_path)
    assert [third.plan(n, {}) for n in range(5)] == [twin.plan(n, {}) for n in range(5)]
    assert twin.identity == recipe.identity


def graded(request, again):
    if "Grade this" in last(request):
        return "9" if "answer 1" in last(request) else "2"
    graded.count += 1
    return f"answer {graded.count % 3}"


graded.count = 0


@pytest.mark.parametrize("name", sorted(set(CASES) - {"counterfactual"}))
@pytest.mark.parametrize("finish", [Finish.LENGTH, Finish.REFUSAL])
def test_cut_and_refused_replies_do_not_vanish(name, finish, tmp_path):
    options, _, _ = CASES[name]
    recipe = build(name, options, seeds_of(name), tmp_path=tmp_path)
    # A cut list of tasks still holds whole ones; all else is lost.
    reply = ChatReply(text="" if name in ("self_instruct", "evol_instruct") else "half a", finish=finish)
    made, _ = run(recipe, lambda request, again: reply)
    assert made and made[0].rejected is not None


@pytest.mark.parametrize("name", sorted(set(CASES) - {"zero_shot", "magpie", "korean", "attributes"}))
def test_recipes_that_need_seeds_say_so(name, tmp_path):
    with pytest.raises(SpecError):
        RECIPES.load(name).from_options({**CASES[name][0], "seeds": []}, Setting(beside=tmp_path))


def test_an_unknown_option_is_named_with_what_was_meant(tmp_path):
    with pytest.raises(SpecError, match="shot"):
        build("few_shot", {"task": "x", "shotss": 3}, tmp_path=tmp_path)


def test_quotas_decide_the_label_and_examples_are_of_that_label(tmp_path):
    recipe = build("classification", {"task": "bank questions", "shots": 3}, tmp_path=tmp_path)
    for number in range(10):
        spec = recipe.plan(number, {"label": "lost"})
        made, asked = run(recipe, said("Where is the card that I lost?"), number, {"label": "lost"})
        assert made[0].attributes["label"] == made[0].fields["label"] == "lost"
        shown = last(asked[0][2])
        assert all(f"number {n} " not in shown for n in range(0, 10, 2))
        assert len(spec["examples"]) == 3


def test_examples_rotate_so_that_all_are_shown_equally_often(tmp_path):
    recipe = build("few_shot", {"task": "x", "shots": 5, "fields": ["text"]}, tmp_path=tmp_path)
    shown = [index for number in range(20) for index in recipe.plan(number, {})["examples"]]
    assert {shown.count(index) for index in range(10)} == {10}


def test_attributes_are_balanced(tmp_path):
    options = {"task": "x", "attributes": {"tone": ["calm", "angry"], "length": ["short", "long", "medium"]}}
    recipe = build("attributes", options, None, tmp_path=tmp_path)
    plans = [recipe.plan(number, {}) for number in range(60)]
    assert {sum(plan["tone"] == tone for plan in plans) for tone in ("calm", "angry")} == {30}
    assert {sum(plan["length"] == value for plan in plans) for value in ("short", "long", "medium")} == {20}


def test_completion_goes_on_with_a_list(tmp_path):
    recipe = build("classification", {"task": "bank questions", "style": "completion"}, tmp_path=tmp_path)
    made, asked = run(recipe, said(" Where did it go?"))
    request = asked[0][2]
    assert request.prompt.endswith("\n-") and request.stop == ("\n",) and not request.messages
    assert made[0].fields["text"] == "Where did it go?"


def test_several_texts_a_call_go_on_with_a_numbered_list_and_end_before_the_next_number(tmp_path):
    options = {"task": "x", "style": "completion", "shots": 2, "per_call": 3, "sampling": {"max_tokens": 20}}
    recipe = build("classification", options, tmp_path=tmp_path)
    made, asked = run(
        recipe, said(" Where is it?\n4. Who has it?\n5. When does it come?\n6. And"), wanted={"label": "lost"}
    )
    request = asked[0][2]
    assert request.prompt.endswith("\n3.") and "\n1. He lost" in request.prompt
    assert request.stop == ("\n6.",) and request.max_tokens == 60
    assert [c.fields["text"] for c in made] == ["Where is it?", "Who has it?", "When does it come?"]
    assert {c.attributes["label"] for c in made} == {"lost"}


def test_of_a_cut_list_the_last_text_is_left_out_and_a_cut_text_alone_is_lineage(tmp_path):
    recipe = build("classification", {"task": "x", "per_call": 3}, tmp_path=tmp_path)
    cut = lambda text: lambda request, again: ChatReply(text=text, finish=Finish.LENGTH)  # noqa: E731
    made, asked = run(recipe, cut("1. Where is it?\n2. Who has"))
    assert "3 new texts" in last(asked[0][2]) and "numbered list" in last(asked[0][2])
    assert [c.fields["text"] for c in made] == ["Where is it?"]
    made, _ = run(recipe, cut("1. Where is"))
    assert made[0].rejected.check == "truncated"


def test_temperatures_rotate(tmp_path):
    recipe = build("classification", {"task": "x", "temperatures": [0.5, 1.1]}, tmp_path=tmp_path)
    assert [run(recipe, said("Hm?"), number)[1][0][2].temperature for number in range(3)] == [0.5, 1.1, 0.5]
    with pytest.raises(SpecError, match="at least one text"):
        build("classification", {"task": "x", "per_call": 0}, tmp_path=tmp_path)


def test_self_instruct_shows_machine_made_tasks_once_there_are_some(tmp_path):
    recipe = build("self_instruct", {}, tmp_path=tmp_path)
    assert len(recipe.plan(0, {})["shots"]) == 8
    for n in range(5):
        recipe.admit(Candidate(fields={"instruction": f"A grown task {n}."}))
    assert sum("grown" in shot for shot in recipe.plan(1, {})["shots"]) == 2


@pytest.mark.parametrize(
    "bad",
    [
        "Go.",
        "word " * 151,
        "Draw an image of a cat.",
        "Write a program that sorts.",
        "- list this thing",
        "이것을 좀 해 주세요 네",
    ],
)
def test_the_papers_filters_refuse(bad):
    assert unfit(bad) is not None


def test_the_papers_filters_let_good_tasks_through():
    assert unfit("Explain how rainbows form to a child.") is None
    assert numbered_items("One.\n2. Two\n3) Three") == ["One.", "Two", "Three"]


def test_the_eliminator_drops_what_gains_nothing():
    assert gainless("Explain rain.", "Explain rain.") and gainless("a", "#Rewritten Prompt#: b")
    assert failed("Sorry, no.") and failed("the and of") and failed("")
    assert gainless("Explain rain.", "Explain how rain forms over mountains.") is None
    assert failed("Rain forms when air rises.") is None
    assert failed("sorry " + "word " * 90) is None


def test_evolution_goes_on_from_the_last_good_step(tmp_path):
    recipe = build("evol_instruct", {"rounds": 2, "breadth_share": 0.0, "compare": "words"}, tmp_path=tmp_path)
    replies = iter(["Explain rain in Spain in three steps.", "A fine answer.", "Explain rain in Spain in three steps."])
    made, _ = run(recipe, lambda request, again: next(replies))
    assert made[0].rejected is None
    assert made[1].rejected.check == "eliminator"


def test_distillation_keeps_only_known_answers(tmp_path):
    recipe = build("distillation", {"answer_field": "answer", "samples": 2}, tmp_path=tmp_path)
    start = recipe.plan(0, {})["start"]
    replies = iter([f"<think>x</think> Answer: {start + 1}", "<think>x</think> Answer: 999"])
    made, _ = run(recipe, lambda request, again: next(replies))
    assert [candidate.rejected is None for candidate in made] == [True, False]


def test_preference_by_likelihood_takes_the_surest(tmp_path):
    recipe = build("preference", {"answers": 2, "by": "likelihood"}, tmp_path=tmp_path)
    replies = iter([ChatReply(text="sure", logprobs=(-0.1,)), ChatReply(text="unsure", logprobs=(-3.0,))])
    made, _ = run(recipe, lambda request, again: next(replies))
    assert made[0].fields["chosen"] == "sure" and made[0].scores["margin"] == pytest.approx(2.9)


def test_equal_answers_are_no_pair(tmp_path):
    recipe = build("preference", {"answers": 3}, tmp_path=tmp_path)
    made, _ = run(recipe, said("same"))
    assert made[0].rejected.check == "pair"


def test_a_translation_that_means_something_else_is_rejected(tmp_path):
    recipe = build("translation", {}, tmp_path=tmp_path)
    made, _ = run(recipe, said("오늘 점심은 김치찌개가 정말 맛있었습니다."))
    assert made[0].rejected.check == "fidelity"
    made, _ = run(recipe, said("그는 오늘 그의 카드를 잃어버렸습니다."))
    assert made[0].rejected is None, made[0].scores


def test_counterfactuals_change_the_attribute_and_nothing_else(tmp_path):
    recipe = build("counterfactual", {}, tmp_path=tmp_path)
    made, asked = run(recipe, said(""))
    assert not asked and made[0].fields["counterfactual"].startswith("She lost her card")
    plain = build("counterfactual", {}, [{"text": "The card is lost."}], tmp_path=tmp_path)
    assert run(plain, said(""))[0][0].rejected is not None
    model = build("counterfactual", {"how": "model"}, tmp_path=tmp_path)
    assert run(model, said("Something wholly different about bees."))[0][0].rejected is not None


def test_the_budget_chooses(tmp_path):
    assert [way_for(r) for r in (3.9, 4, 31, 32)] == ["answer", "rephrase", "rephrase", "new_question"]
    assert build("augmentation", {}, tmp_path=tmp_path).chosen == "rephrase"  # 40 records, 10 seeds


def test_a_column_is_written_once_for_each_row_of_a_file(tmp_path):
    (tmp_path / "rows.csv").write_text("amount,shop\n5,bakery\n7,bar\n9,kiosk\n")
    seeds = [{"amount": "1", "shop": "kiosk", "note": "Bought a paper."}, {"amount": "2", "shop": "bar", "note": None}]
    options = {"column": "note", "rows": "rows.csv", "records": 3}
    recipe = build("column", options, seeds, tmp_path=tmp_path)
    first, asked = run(recipe, said("Bread."), 0)
    assert first[0].fields == {"amount": "5", "shop": "bakery", "note": "Bread.", "row_number": 0}
    assert "Bought a paper." in last(asked[0][2])  # the row without a note is no example
    recipe.admit(first[0])
    assert recipe.refuses(first[0]).reason == "its row has a text already"
    # Row 1 is turned away, so it comes again once all were asked for, and the finished one does not.
    assert [recipe.plan(number, {})["row"] for number in range(1, 5)] == [1, 2, 1, 2]
    with pytest.raises(SpecError, match="4 records are asked for and there are 3 rows"):
        build("column", {**options, "records": 4}, seeds, tmp_path=tmp_path)
    with pytest.raises(SpecError, match="no seed has a text"):
        build("column", options, [{"amount": "1", "note": ""}], tmp_path=tmp_path)


def test_preference_by_pairs_counts_wins_and_not_places(tmp_path):
    def judged(favours_first):
        def script(request, again):
            if "Which of two" not in last(request):
                return f"answer {'so ' * (request.seed % 7)} {request.seed}"
            first, second = last(request).partition("Answer A:")[2].split("Answer B:")
            return "A" if favours_first or first.split()[-1] > second.split("Answer with")[0].split()[-1] else "B"

        return script

    recipe = build("preference", {"by": "pairwise", "answers": 3}, tmp_path=tmp_path)
    (pair,), asked = run(recipe, judged(favours_first=False))
    assert pair.rejected is None and pair.scores["chosen"] > pair.scores["rejected"]
    assert sum(role == "judge" for _, role, _ in asked) == 6  # three pairs, both ways round
    (tied,), _ = run(recipe, judged(favours_first=True))
    assert tied.rejected.check == "pair"  # who always takes the first place prefers nothing


def test_a_quota_over_a_field_of_the_seeds_chooses_the_seed(tmp_path):
    for name in ("translation", "critique", "evol_instruct", "personas", "distillation"):
        recipe = build(name, CASES[name][0], tmp_path=tmp_path)
        assert "label" in recipe.dimensions
        starts = [recipe.plan(number, {"label": "lost"})["start"] for number in range(5)]
        assert sorted(starts) == [1, 3, 5, 7, 9], name


def test_what_a_quota_wants_is_told_to_the_model(tmp_path):
    recipe = build("classification", {"task": "bank questions"}, tmp_path=tmp_path)
    _, asked = run(recipe, said("Where?"), 0, {"label": "lost", "tone": "angry"})
    assert "tone: angry" in last(asked[0][2])
