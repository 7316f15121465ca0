"""Are answers verified, backward questions unique, and wrong replies turned away?"""

import asyncio
import json
import re

import pytest

from shared_data import shared
from veridical.cli import main as door
from veridical.core.errors import SpecError
from veridical.core.rng import stream
from veridical.curate.contamination import Decontamination
from veridical.curate.setting import read_records
from veridical.engines.math.answer import final_number, majority
from veridical.engines.math.recipe import WAYS, Math
from veridical.engines.math.template import fill, formula, read_templates, solved
from veridical.llm.candidate import Candidate, Rejection
from veridical.llm.chat import ChatReply

TEMPLATES = read_templates("", None)


async def nobody(request, *, step="", role="teacher"):
    raise AssertionError("nobody shall be asked")


def answers(**by_step):
    async def ask(request, *, step="", role="teacher"):
        return ChatReply(text=by_step[step] if step in by_step else by_step[step.split(".")[0]], model="script")

    return ask


def make(recipe, ask=nobody, number=0, **spec):
    (made,) = asyncio.run(recipe.make({**recipe.plan(number, {}), **spec}, ask))
    return made


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_template_gives_whole_answers_that_its_own_steps_reach(name, language):
    template = TEMPLATES[name]
    if not template.speaks(language):
        pytest.skip("this one speaks no Korean")
    for seed in range(12):
        problem = fill(name, template, language, stream(seed, name))
        assert solved(template.equation, problem.values, "x") == int(problem.answer) > 0
        assert not re.search(r"[{}\[\]]", problem.question + " ".join(problem.steps))
        for left, sign, right, result in re.findall(
            r"(?<![-+*/] )\b(\d+) ([-+*/]) (\d+) = (\d+)", " ".join(problem.steps)
        ):
            assert eval(f"{left} {sign} {right}") == int(result)
        assert final_number(problem.steps[-1].rstrip(".")) is not None


@pytest.mark.parametrize("way", WAYS)
def test_symbolic_answers_need_no_model(way):
    recipe = Math(solve="symbolic", ways=(way,), languages=("en", "ko"))
    for number in range(24):
        made = make(recipe, number=number)
        if made.rejected is not None:
            assert made.rejected.check == "not_unique"
            continue
        assert str(final_number(made.fields["output"])) == made.fields["answer"]
        if way in ("backward", "self_verification"):
            assert re.search(r"\bX|X[\W가-힣]", made.fields["instruction"])


def test_a_backward_question_with_two_answers_is_refused():
    assert solved("Eq(x, a*a)", {"a": 3, "x": 9}, "a") is None
    assert solved("Eq(2*x, 5)", {}, "x") is None


def test_a_majority_must_agree_with_the_known_answer():
    recipe = Math(ways=("plain",), samples=4)
    truth = make(Math(solve="symbolic", ways=("plain",))).fields["answer"]
    right = make(recipe, answers(**{"answer": f"So the answer is {truth}.", "answer.3": "The answer is 1."}))
    assert right.rejected is None
    assert (right.scores["agreement"], right.fields["answer"]) == (0.75, truth)
    wrong = make(recipe, answers(answer=f"The answer is {int(truth) + 1}."))
    assert wrong.rejected.check == "answer"
    split = {f"answer.{n}": f"The answer is {n}." for n in range(4)}
    assert make(recipe, answers(**split)).rejected.check == "majority"
    assert make(recipe, answers(answer="I do not know.")).rejected.check == "majority"


def test_programs_are_run_and_held_against_the_known_answer():
    recipe = Math(ways=("plain",), solve="execution")
    truth = make(Math(solve="symbolic", ways=("plain",))).fields["answer"]
    good = make(recipe, answers(program=f"```python\nresult = {truth}\n```"))
    assert good.rejected is None and good.fields["sandbox"]
    assert make(recipe, answers(program="```python\nresult = -5\n```")).rejected.check == "answer"
    assert make(recipe, answers(program="```python\nresult = 1 / 0\n```")).rejected.check == "execution"
    assert make(recipe, answers(program="```python\nx = 1\n```")).rejected.check == "execution"
    assert make(recipe, answers(program="I would rather not.")).rejected.check == "format"


def test_a_rephrased_question_keeps_its_numbers():
    plain = make(Math(solve="symbolic", ways=("plain",)))
    recipe = Math(ways=("rephrase",), samples=1)
    ask = answers(
        rephrase=f"In other words: {plain.fields['instruction']}", answer=f"The answer is {plain.fields['answer']}."
    )
    assert make(recipe, ask).rejected is None
    lost = re.sub(r"\d+", "7", plain.fields["instruction"])
    assert make(recipe, answers(rephrase=lost, answer="The answer is 7.")).rejected.check == "numbers"


def test_ones_own_questions_are_asked_in_all_ways():
    seeds = (
        {"question": "Ann has 12 pens and buys 30 more. How many pens has she?", "answer": "12 + 30 = 42\n#### 42"},
    )
    for way in WAYS:
        recipe = Math(ways=(way,), seeds=seeds, samples=2)
        truths = {"plain": "42", "rephrase": "42"}
        question = "With 30 new pens and her 12 old ones, how many has Ann?"
        told = {
            "rephrase": question,
            "declare": "Ann has 12 pens, buys 30 more and has 42.",
            "answer": "The answer is 42.",
        }
        made = make(recipe, answers(**told))
        if way in truths:
            assert made.rejected is None and made.fields["answer"] == "42"
        else:
            assert made.rejected.check == "answer" and made.fields["answer"] in ("12", "30")
            made = make(recipe, answers(**{**told, "answer": f"The answer is {made.fields['answer']}."}))
            assert made.rejected is None and "X" in made.fields["instruction"]


def test_a_vote_counts_what_cannot_be_read_too():
    assert majority(["The answer is 3", "3", "", ""])[1] == 0.5
    assert final_number("\\boxed{17} of 20") == 17
    assert final_number("nothing") is None


def test_templates_that_cannot_work_are_refused(tmp_path):
    (tmp_path / "t.yaml").write_text(
        json.dumps({"odd": {"draw": {"a": [1, 9]}, "equation": "Eq(2*x, 2*a + 1)", "masks": ["a"],
                            "en": {"question": "{a}?", "statement": "{a} {x}", "steps": []}}})
    )  # fmt: skip
    with pytest.raises(SpecError, match="no numbers in its ranges"):
        make(Math(templates="t.yaml", beside=tmp_path, solve="symbolic"))
    with pytest.raises(SpecError, match="no way is called"):
        Math(ways=("sideways",))
    with pytest.raises(SpecError, match="seeds have no equations"):
        Math(solve="symbolic", seeds=({"question": "?"},))


def test_items_of_gsm8k_are_found():
    path = shared("benchmarks/gsm8k_test.jsonl.gz")
    check = Decontamination(benchmarks={"gsm8k": str(path)})
    for record in read_records(path)[:30]:
        planted = Candidate(fields={"instruction": record["question"], "output": "The answer is 1."})
        assert isinstance(asyncio.run(check(planted, None)), Rejection)
    recipe = Math(solve="symbolic")
    for number in range(30):
        made = make(recipe, number=number)
        assert made.rejected or asyncio.run(check(made, None)) is made


def test_a_run_from_the_command_line(tmp_path, capsys):
    (tmp_path / "nobody.jsonl").write_text('{"match": "^$", "reply": ""}')
    spec = {
        "recipe": {"name": "math", "options": {"solve": "symbolic", "languages": ["en", "ko"]}},
        "models": {"teacher": {"provider": "scripted", "transcript": "nobody.jsonl"}},
        "records": 24, "quotas": {"way": list(WAYS), "language": ["en", "ko"]},
    }  # fmt: skip
    (tmp_path / "run.yaml").write_text(json.dumps(spec))
    assert door.run(["text", str(tmp_path / "run.yaml"), "-o", str(tmp_path / "run"), "-q"]) == 0
    assert "accepted    24" in capsys.readouterr().out


def test_shots_are_solved_problems_of_the_same_template_with_other_numbers():
    recipe, asked = Math(ways=("plain",), samples=2, shots=2), []
    truth = make(Math(solve="symbolic", ways=("plain",))).fields

    async def ask(request, *, step="", role="teacher"):
        asked.append(request)
        return ChatReply(text=f" That is it. The answer is {truth['answer']}.", model="script")

    made = make(recipe, ask)
    assert made.rejected is None and made.fields["instruction"] == truth["instruction"]
    assert asked[0].prompt.endswith(f"Question: {truth['instruction']}\nAnswer:") and asked[0].stop == ("\n",)
    assert asked[0].prompt.count("The answer is") == 2, "each shown problem is solved, the asked one is not"
    assert asked[0].prompt.count(truth["instruction"]) == 1
    backward = make(Math(ways=("backward",), samples=1, shots=2), answers(answer="The answer is 1."))
    assert backward.fields["way"] == "backward", "asked in chat: shots solve plain questions only"


@pytest.mark.parametrize("name", TEMPLATES)
def test_formulas_work_out_the_answer(name):
    for seed in range(6):
        problem = fill(name, TEMPLATES[name], "en", stream(seed, name))
        assert eval(formula(TEMPLATES[name].equation, problem.values)) == int(problem.answer)
    assert formula("Eq(x*x, a)", {"a": 9}) is None, "two solutions are none"


@pytest.mark.slow
def test_programs_go_on_after_programmed_problems_and_are_run():
    recipe, asked = Math(ways=("plain",), solve="execution", shots=2), []
    problem = make(Math(solve="symbolic", ways=("plain",))).fields

    async def ask(request, *, step="", role="teacher"):
        asked.append(request)
        return ChatReply(text=f" {problem['answer']} + 0", model="script")

    made = make(recipe, ask)
    assert asked[0].prompt.count("result = ") == 2 and asked[0].prompt.endswith("result =")
    assert made.rejected is None and made.fields["program"] == f"result = {problem['answer']} + 0"

    async def wrong(request, *, step="", role="teacher"):
        return ChatReply(text=f" {problem['answer']} + 1", model="script")

    assert make(recipe, wrong).rejected.check == "answer"
