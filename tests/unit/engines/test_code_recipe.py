"""Does the code recipe run what it is given, have it repaired, and believe only tests that notice mistakes?"""

import asyncio
import json

import pytest

from shared_data import shared
from veridical.core.errors import SpecError
from veridical.curate.contamination import Decontamination
from veridical.engines.code.agreement import varied
from veridical.engines.code.mutant import mutants_of
from veridical.engines.code.program import Originals, as_functions, code_blocks, is_tests, tricks_in
from veridical.engines.code.recipe import Code
from veridical.engines.code.snippet import Document, draw_snippet, read_code
from veridical.llm.candidate import Candidate, Rejection
from veridical.llm.chat import ChatReply, Finish

RIGHT = "def total(xs: list[int]) -> int:\n    out = 0\n    for x in xs:\n        if x > 0:\n            out += x\n    return out"
WRONG = RIGHT.replace("x > 0", "x >= 5")
TESTS = (
    "def test_some():\n    assert total([1, 2]) == 3\n\ndef test_none():\n    assert total([]) == 0\n\n"
    "def test_negative():\n    assert total([-1, 4]) == 4"
)
IDLE = "def test_a():\n    total([1])\n\ndef test_b():\n    total([])\n\ndef test_c():\n    assert True"
PROBLEM = {"problem": "Add up the positive numbers of a list.", "function": "def total(xs: list[int]) -> int:"}


def fenced(code):
    return f"Here it is:\n```python\n{code}\n```\n"


def answers(**by_step):
    """Answer each step of a task by its name; what is not named is a mistake of the test."""
    asked = []

    async def ask(request, *, step="", role="teacher"):
        asked.append((step, request.messages[-1].content if request.messages else request.prompt))
        return ChatReply(text=by_step[step], model="script", finish=Finish.STOP)

    ask.asked = asked
    return ask


def made(ask, **options):
    recipe = Code(**{"mutants": 4, "seed": 1, **options})
    (candidate,) = asyncio.run(recipe.make(recipe.plan(0, {}), ask))
    return candidate


def script(solution, tests, **more):
    return answers(problem=json.dumps(PROBLEM), solution=fenced(solution), tests=fenced(tests), **more)


def test_a_solution_that_passes_is_a_record_that_says_how_it_was_run():
    candidate = made(script(RIGHT, TESTS))
    assert candidate.rejected is None
    assert candidate.fields["output"] == RIGHT
    assert candidate.fields["sandbox"].split(":")[0] in ("filtered", "namespaces")
    assert candidate.scores["mutants_noticed"] >= 0.3
    assert candidate.steps == ("problem", "solution", "tests")


def test_what_fails_is_shown_with_its_traceback_and_repaired():
    ask = script(WRONG, TESTS, **{"repair.1": fenced(WRONG), "repair.2": fenced(RIGHT)})
    candidate = made(ask)
    assert candidate.rejected is None
    assert candidate.scores["repairs"] == 2
    shown = dict(ask.asked)["repair.1"]
    assert "assert total([1, 2]) == 3" in shown and "AssertionError" in shown and WRONG in shown
    assert [turn["solution"] for turn in candidate.fields["repairs"]] == [WRONG, WRONG]


def test_tests_that_contradict_the_problem_may_be_repaired_too():
    bad = TESTS.replace("== 3", "== 4")
    candidate = made(script(RIGHT, bad, **{"repair.1": fenced(RIGHT) + fenced(TESTS)}))
    assert candidate.rejected is None
    assert candidate.fields["tests"] == TESTS


def test_what_is_never_mended_is_turned_away_with_its_last_error():
    candidate = made(script(WRONG, TESTS, **{"repair.1": "I cannot."}), repairs=1)
    assert candidate.rejected == Rejection("execution", "AssertionError")


def test_tests_that_no_mutant_fails_are_turned_away():
    candidate = made(script(RIGHT, IDLE))
    assert candidate.rejected.check == "mutation"
    assert "notice 0 of 4" in candidate.rejected.reason
    assert made(script(RIGHT, IDLE), mutants_noticed=0.0).rejected.check == "mutation"


def test_too_few_tests_tricks_and_replies_without_code_are_turned_away():
    assert made(script(RIGHT, "def test_a():\n    assert total([2]) == 2")).rejected.check == "tests"
    again = "\n\n".join(f"def test_{n}():\n    assert total([2]) == 2" for n in range(5))
    assert made(script(RIGHT, again)).rejected == Rejection("tests", "1 different tests, at least 3 are wanted")
    cheat = "import gc\n" + RIGHT
    assert made(script(cheat, TESTS)).rejected.check == "tricks"
    equal = "class Any:\n    def __eq__(self, other):\n        return True\n\ndef total(xs):\n    return Any()"
    assert made(script(equal, TESTS)).rejected.check == "tricks"
    assert made(script("", TESTS)).rejected.check == "format"


def test_an_endless_solution_costs_its_time_and_no_more():
    candidate = made(script("def total(xs):\n    while True:\n        pass", TESTS), repairs=0, limits={"cpu_s": 1})
    assert candidate.rejected.check == "execution"
    assert "processor time" in candidate.rejected.reason or "too long" in candidate.rejected.reason


def test_solutions_copied_from_the_real_code_are_dropped(tmp_path):
    (tmp_path / "real.py").write_text(RIGHT + "\n")
    options = {"code": ".", "beside": tmp_path}
    assert made(script(RIGHT, TESTS), **options).rejected.check == "copied"
    renamed = RIGHT.replace("out", "result").replace("xs", "values")
    assert made(script(renamed, TESTS), **options).rejected.check == "copied"
    own = "def total(xs: list[int]) -> int:\n    return sum(x for x in xs if x > 0)"
    assert made(script(own, TESTS), **options).rejected is None


def test_a_weak_model_goes_on_from_whole_examples(tmp_path):
    shots = [
        {"idea": "one", "problem": "Return one.", "solution": "def one():\n    return 1", "tests": "assert one() == 1"}
    ]
    (tmp_path / "shots.jsonl").write_text(json.dumps(shots[0]))
    said = f"Add up the positive numbers.\n### Solution\n{fenced(RIGHT)}### Tests\n{fenced(TESTS)}"
    ask = answers(write=said)
    candidate = made(ask, style="completion", examples="shots.jsonl", shots=1, ideas=["sum"], beside=tmp_path)
    assert candidate.rejected is None
    assert ask.asked[0][1].endswith("### Idea\nsum\n### Problem\n")
    assert "Return one." in ask.asked[0][1]


def test_snippets_are_one_to_fifteen_real_lines_and_the_same_every_time(tmp_path):
    documents = read_code("stdlib", tmp_path)
    by_name = {document.name: document.text.splitlines() for document in documents}
    lengths = set()
    for turn in range(60):
        snippet = draw_snippet(documents, seed=4, turn=turn)
        assert snippet == draw_snippet(documents, seed=4, turn=turn)
        lines = snippet.text.splitlines()
        assert by_name[snippet.document][snippet.first - 1 : snippet.first - 1 + len(lines)] == lines
        lengths.add(len(lines))
    assert min(lengths) >= 1 and max(lengths) <= 15 and len(lengths) > 8


def test_every_mutant_is_another_program_and_good_tests_notice_most():
    code = RIGHT.replace("x > 0", "x > 0 and not x % 7 == 6")
    mutants = mutants_of(code, most=50)
    assert len({mutant.code for mutant in mutants}) == len(mutants) >= 6
    for mutant in mutants:
        compile(mutant.code, "mutant", "exec")
    assert mutants_of(code, most=5) == mutants_of(code, most=5)
    assert [m.what for m in mutants_of("def f():\n    'Doc.'\n    return 0")] == [
        "returns nothing, line 3",
        "number, line 3",
    ]


def test_reading_of_replies():
    assert code_blocks("no code here, sorry") == []
    assert code_blocks("x = 1") == ["x = 1"]
    assert code_blocks("```py\na = 1\n```\n```\nb = 2") == ["a = 1", "b = 2"]
    assert is_tests(TESTS) and not is_tests(RIGHT) and not is_tests(RIGHT + "\nassert total([]) == 0")
    assert as_functions("assert f(1)\nassert f(2)").count("def test_") == 2
    assert tricks_in(RIGHT) == ""
    assert "_getframe" in tricks_in("import sys\nsys._getframe()")
    long_run = "x = [" + ", ".join(map(str, range(60))) + "]"
    assert "tokens in a row" in Originals([long_run]).copied("y = 1\n" + long_run)


@pytest.mark.parametrize(("file", "field"), [("humaneval", "prompt"), ("mbpp", "text")])
def test_items_of_benchmarks_are_found(file, field):
    path = shared(f"benchmarks/{file}.jsonl.gz")
    from veridical.curate.setting import read_records

    check = Decontamination(benchmarks={file: str(path)})
    items = [str(record[field]) for record in read_records(path)]
    long = [text for text in items if len(text.split()) >= 16][:40]
    found = [asyncio.run(check(Candidate(fields={"instruction": f"Solve this: {text}"}), None)) for text in long]
    assert all(isinstance(result, Rejection) for result in found)
    own = Candidate(fields={"instruction": "Add up the positive numbers of a list.", "output": RIGHT})
    assert asyncio.run(check(own, None)) is own


def test_wrong_options_are_told():
    with pytest.raises(SpecError, match="no sandbox level"):
        Code(sandbox="strong")
    with pytest.raises(SpecError, match="no option"):
        Code(limits={"cpu": 3})
    with pytest.raises(SpecError, match="above zero"):
        Code(limits={"cpu_s": 0})


def test_the_same_code_is_the_same_run():
    code = (Document("a.py", RIGHT),)
    one, two = Code(seeds=({"code": RIGHT},)), Code(seeds=({"code": RIGHT + "\n"},))
    assert one.identity != two.identity
    assert draw_snippet(code, seed=1, turn=1).source.startswith("a.py:")


OTHER = "def total(xs: list[int]) -> int:\n    return sum(x for x in xs if x > 0)"
BAD_TESTS = TESTS.replace("== 3", "== 4")


def test_what_solutions_agree_on_is_expected_where_the_tests_are_wrong():
    ask = script(
        RIGHT, BAD_TESTS, **{"solution.1": fenced(OTHER), "solution.2": fenced(WRONG), "solution.3": fenced(RIGHT)}
    )
    candidate = made(ask, repairs=0, solutions=3)
    assert candidate.rejected is None, candidate.rejected
    assert candidate.fields["expects"] == "agreed by 3 of 4 solutions"
    assert "assert total([1, 2]) == 3" in candidate.fields["tests"] and candidate.fields["output"] == RIGHT


def test_arguments_are_varied_by_their_type():
    found = varied(["f('ab', 2, deep=True)", "f([1], 0.5)"], most=40)
    assert found[:2] == ["f('ab', 2, deep=True)", "f([1], 0.5)"]
    assert {
        "f('', 2, deep=True)",
        "f('ba', 2, deep=True)",
        "f('ab', -2, deep=True)",
        "f([], 0.5)",
        "f([1, 2], 0.5)",
    } <= set(found)
    assert len(found) == len(set(found)) and varied(["f()"]) == ["f()"] and varied([]) == []


@pytest.mark.parametrize(
    "others",
    [(WRONG, RIGHT, "def total(xs):\n    return 7"), (RIGHT, RIGHT, RIGHT), ("x = 1", "no code", "import gc")],
    ids=["too few say the same", "all written alike", "none can be run"],
)
def test_without_agreement_nothing_is_expected(others):
    steps = {f"solution.{n}": fenced(code) for n, code in enumerate(others, 1)}
    assert made(script(RIGHT, BAD_TESTS, **steps), repairs=0, solutions=3).rejected.check == "agreement"


@pytest.mark.parametrize("agreeing", [1, 4])
def test_agreements_that_cannot_be_are_refused(agreeing):
    with pytest.raises(SpecError, match="cannot agree"):
        Code(code="stdlib", solutions=2, agreeing=agreeing)


def test_agreed_tests_must_notice_mutants_too():
    idle = "def test_a():\n    assert one(1) == 2\n\ndef test_b():\n    assert one(2) == 2\n\ndef test_c():\n    assert one(3) == 2"
    codes = [
        "def one(x):\n    return None",
        "def one(x):\n    y = None\n    return y",
        "def one(x):\n    if x:\n        pass",
    ]
    steps = {f"solution.{n}": fenced(code) for n, code in enumerate(codes[1:] + codes[:1], 1)}
    ask = answers(
        problem=json.dumps({"problem": "Nothing.", "function": "def one(x):"}),
        solution=fenced(codes[0]),
        tests=fenced(idle),
        **steps,
    )
    assert made(ask, repairs=0, solutions=3).rejected.check == "mutation"


@pytest.mark.parametrize(
    "said",
    ["\n    return 2 * x\n", "return 2 * x", "def twice(x):\n    return 2 * x"],
    ids=["as a base model goes on", "as a chat model goes on", "as a chat model begins anew"],
)
def test_another_solution_is_whole_however_it_is_gone_on_with(said, tmp_path):
    shot = {
        "idea": "i",
        "problem": "p",
        "solution": "def f(x):\n    return x",
        "tests": "def test_1():\n    assert f(1) == 1",
    }
    (tmp_path / "shots.jsonl").write_text(json.dumps(shot) + "\n")
    tests = "def test_1():\n    assert twice(2) == 5\n\ndef test_2():\n    assert twice(3) == 6\n\ndef test_3():\n    assert twice(0) == 0"
    first = f"Double a number.\n### Solution\n```python\ndef twice(x):\n    return x + x\n```\n### Tests\n```python\n{tests}\n```"
    ask = answers(write=first, **{f"solution.{n}": said for n in (1, 2)})
    options = {"style": "completion", "examples": "shots.jsonl", "shots": 1, "ideas": ("double",), "beside": tmp_path}
    candidate = made(ask, repairs=0, solutions=2, **options)
    assert candidate.rejected is None, candidate.rejected
    assert (
        "assert twice(2) == 4" in candidate.fields["tests"]
        and candidate.fields["expects"] == "agreed by 3 of 3 solutions"
    )
    prompt = dict(ask.asked)["solution.1"]
    assert prompt.endswith("def twice(x):"), "a line's end would part the indent from it, and base models stop there"
