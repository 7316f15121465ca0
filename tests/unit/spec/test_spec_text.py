"""Is a text run's YAML read as it is meant, and every mistake told at once with its line?"""

from pathlib import Path

import pytest

from veridical.core.errors import SpecError
from veridical.spec.marks import load
from veridical.spec.text import Part, parse_text, read_text

LEAST = "recipe: prompt\nmodels: {teacher: embedded}\nrecords: 10\n"


def _parse(text: str, beside: Path = Path()):
    return parse_text(load(text), beside=beside)


def test_the_least_there_may_be():
    spec = _parse(LEAST)
    assert spec.recipe == Part("prompt", {}, ("recipe",))
    assert spec.models["teacher"][0].provider == "embedded"
    assert (spec.records, spec.seed, spec.max_cost) == (10, 0, None)


def test_parts_by_name_by_one_key_and_in_full():
    spec = _parse(LEAST + "checks:\n  - length\n  - language: {is: ko}\n  - {name: judge, options: {tries: 2}}\n")
    assert [(part.name, dict(part.options)) for part in spec.checks] == [
        ("length", {}),
        ("language", {"is": "ko"}),
        ("judge", {"tries": 2}),
    ]
    assert spec.document.line(*spec.checks[2].place) == 7


def test_quotas_by_number_and_shared_evenly():
    spec = _parse(LEAST + "quotas:\n  label: {yes: 3, no: 7}\n  topic: [a, b, c]\n")
    assert spec.quotas == {"label": {"yes": 3, "no": 7}, "topic": {"a": 4, "b": 3, "c": 3}}


def test_fall_back_models_and_their_limits():
    spec = _parse(
        "recipe: prompt\nrecords: 1\nmodels:\n  teacher:\n"
        "    - {model: a, limits: {requests_per_minute: 60}}\n    - {provider: anthropic, model: b, batch: true}\n"
        "  judge: {model: c, base_url: 'http://localhost:8000/v1'}\n"
    )
    first, second = spec.models["teacher"]
    assert (first.provider, first.limits) == ("openai_compatible", {"requests_per_minute": 60.0})
    assert (second.provider, second.batch) == ("anthropic", True)
    assert "key_variable" not in first.options
    # OpenAI's key is not sent to somebody else's server unless it is named.
    assert spec.models["judge"][0].options["key_variable"] == ""


def test_paths_are_taken_from_where_the_file_lies(tmp_path):
    (tmp_path / "talk.jsonl").write_text("{}\n")
    path = tmp_path / "text.yaml"
    path.write_text(
        "recipe: prompt\nrecords: 2k\nmodels: {teacher: {provider: scripted, transcript: talk.jsonl}}\noutput: o\n"
    )
    spec = read_text(path)
    assert spec.models["teacher"][0].options["transcript"] == tmp_path / "talk.jsonl"
    assert (spec.output, spec.records) == (tmp_path / "o", 2000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a list", "declares no text run"),
        ("records: 10\nmodels: {teacher: embedded}", "recipe is missing"),
        ("recipe: x\nrecords: 10\nmodels: {judge: embedded}", "no model answers for the role 'teacher'"),
        (LEAST + "quotas: {label: {a: 3}}", "add up to 3, not to 10"),
        (LEAST + "max_cost: -1", "max_cost"),
        (LEAST + "colour: red", "there is no part 'colour'"),
        ("recipe: x\nrecords: ten\nmodels: {teacher: embedded}", "records"),
        ("recipe: x\nrecords: 1\nmodels: {teacher: {provider: embedded, weights: no.gguf}}", "no file 'no.gguf'"),
        ("recipe: x\nrecords: 1\nmodels: {teacher: {model: m, slots: 3}}", "knows no 'slots'"),
        ("recipe: x\nrecords: 1\nmodels: {teacher: {provider: anthropic}}", "needs `model`"),
        ("recipe: x\nrecords: 1\nmodels: {teacher: {model: m, api_key: sk-1}}", "there is no part"),
    ],
)
def test_what_is_wrong_is_said(text, said):
    with pytest.raises(SpecError, match=said):
        _parse(text)


def test_a_key_in_the_file_is_refused_and_not_repeated():
    with pytest.raises(SpecError) as raised:
        _parse("recipe: x\nrecords: 1\nmodels: {teacher: {model: m, api_key: sk-secret}}")
    assert "sk-secret" not in str(raised.value)


def test_all_problems_at_once_each_with_its_line():
    with pytest.raises(SpecError) as raised:
        _parse("recipe: x\nrecords: 0\nmodels:\n  teacher:\n    provider: openay\nseed: -1\nin_flight: 0\n")
    shown = str(raised.value)
    for line in ("line 2: records", "line 5: models.teacher.provider", "line 6: seed", "line 7: in_flight"):
        assert line in shown
