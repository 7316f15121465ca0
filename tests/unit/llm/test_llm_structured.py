"""Does a reply become a record of the asked shape, and is it said why not?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field, field_validator

from veridical.core.errors import MissingExtraError
from veridical.llm.chat import ChatReply, ChatRequest, Finish, Message
from veridical.llm.json_schema import misfit
from veridical.llm.providers.embedded import Embedded, packaged_weights
from veridical.llm.providers.openai_compatible import OpenAICompatible
from veridical.llm.providers.scripted import from_transcript
from veridical.llm.structured import REFUSED, TRUNCATED, ask_record, parse

ASK = ChatRequest(messages=(Message("user", "give me one"),))


class Pet(BaseModel):
    name: str = Field(min_length=1)
    legs: int = Field(ge=0, le=8)
    kind: str | None = None

    @field_validator("name")
    @classmethod
    def _no_digits(cls, name: str) -> str:
        if any(sign.isdigit() for sign in name):
            raise ValueError("no digits in names")
        return name


def _telling(*texts, finish=Finish.STOP):
    asked = []

    async def ask(request, *, step="", role="teacher"):
        asked.append((request, step, role))
        return ChatReply(text=texts[len(asked) - 1], finish=finish)

    return ask, asked


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Rex", "legs": 4}',
        ' \n{"name": "Rex", "legs": 4,}\n',
        'Sure!\n```json\n{"name": "Rex", "legs": 4}\n```\nAnything else?',
        'Here: {"name": "Rex", "legs": 4} - a dog {of mine}',
    ],
)
async def test_json_alone_fenced_among_words_or_with_trailing_commas(text):
    ask, asked = _telling(text)
    found = await ask_record(ask, ASK, step="pet", shape=Pet)
    assert found.value == {"name": "Rex", "legs": 4}
    assert found.rejection is None
    assert len(asked) == 1
    assert asked[0][0].schema["properties"]["legs"]["maximum"] == 8


async def test_what_does_not_fit_is_asked_again_with_the_problem():
    ask, asked = _telling(
        "no json", '{"name": "Rex", "legs": 40}', '{"name": "R2", "legs": 2}', '{"name": "Rex", "legs": 2}'
    )
    found = await ask_record(ask, ASK, step="pet", shape=Pet, tries=4)
    assert found.value == {"name": "Rex", "legs": 2}
    assert found.asked == 4
    assert [step for _, step, _ in asked] == ["pet", "pet.again1", "pet.again2", "pet.again3"]
    assert "not one JSON object" in asked[1][0].messages[-1].content
    assert "8 or less" in asked[2][0].messages[-1].content
    assert "no digits" in asked[3][0].messages[-1].content


async def test_after_the_last_try_the_problem_is_the_reason():
    ask, _ = _telling("[]", "{}")
    found = await ask_record(ask, ASK, step="pet", shape=Pet, tries=2)
    assert (found.value, found.rejection.check) == (None, "schema")
    assert "name is missing" in found.rejection.reason


@pytest.mark.parametrize(("finish", "why"), [(Finish.REFUSAL, REFUSED), (Finish.LENGTH, TRUNCATED)])
async def test_refusals_and_truncations_are_told_apart_and_not_asked_again(finish, why):
    ask, asked = _telling('{"name": "Rex", "legs', finish=finish)
    found = await ask_record(ask, ASK, step="pet", shape=Pet)
    assert found.rejection == why
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("schema", "fits", "does_not"),
    [
        ({"type": "integer"}, 3, "3"),
        ({"type": "integer"}, 3.0, True),
        ({"type": ["string", "null"]}, None, 1),
        ({"enum": ["a", 1]}, 1, "b"),
        ({"const": "x"}, "x", "y"),
        ({"type": "string", "pattern": "^a", "maxLength": 2}, "ab", "ba"),
        ({"type": "array", "items": {"type": "number"}, "minItems": 1}, [1.5], []),
        ({"type": "array", "items": {"type": "number"}}, [], ["x"]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None, 2),
        ({"allOf": [{"type": "integer"}, {"minimum": 3}]}, 3, 2),
        ({"type": "object", "additionalProperties": False, "properties": {"a": {}}}, {"a": 1}, {"b": 1}),
        (
            {"$defs": {"n": {"type": "integer"}}, "type": "object", "properties": {"a": {"$ref": "#/$defs/n"}}},
            {"a": 1},
            {"a": "x"},
        ),
        ({"exclusiveMinimum": 0, "exclusiveMaximum": 2}, 1, 2),
    ],
)
def test_schemas(schema, fits, does_not):
    assert misfit(fits, schema) is None
    assert misfit(does_not, schema) is not None


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.text(max_size=5), st.one_of(st.integers(-(2**53), 2**53), st.text(max_size=20), st.none()), max_size=4
    ),
    st.text(alphabet="abc {}\"'\n", max_size=12),
)
def test_any_object_is_found_whatever_stands_after_it(value, after):
    import json

    assert parse(json.dumps(value)) == value
    assert parse(f"Answer:\n{json.dumps(value)} {after.replace('{', '(').replace('`', '')}") == value


def test_a_server_without_schemas_gets_the_schema_in_words():
    plain = OpenAICompatible(model="m", base_url="http://x/v1", key_variable="", native_schema=False)
    request = ChatRequest(messages=(Message("user", "one pet"),), schema=Pet.model_json_schema())
    body = plain.payload(request)
    assert "response_format" not in body
    assert '"legs"' in body["messages"][-1]["content"] and "one pet" in body["messages"][-1]["content"]
    native = OpenAICompatible(model="m", base_url="http://x/v1", key_variable="").payload(request)
    assert native["response_format"]["json_schema"]["schema"]["required"] == ["name", "legs"]
    assert native["messages"][-1]["content"] == "one pet"


async def test_a_transcript_answers_in_turn_and_says_what_it_lacks(tmp_path):
    from veridical.core.errors import SpecError

    path = tmp_path / "talk.jsonl"
    path.write_text('{"match": "one", "reply": ["a", "b"]}\n\n{"match": "two", "reply": "no", "finish": "refusal"}\n')
    model = from_transcript(path)
    replies = [await model.complete(ASK) for _ in range(3)]
    assert [reply.text for reply in replies] == ["a", "b", "a"]
    refused = await model.complete(ChatRequest(prompt="two"))
    assert refused.finish is Finish.REFUSAL
    with pytest.raises(SpecError, match="no line"):
        await model.complete(ChatRequest(prompt="three"))
    path.write_text('{"match": "("}\n')
    with pytest.raises(SpecError, match=r"talk.jsonl|transcript"):
        from_transcript(path)


@pytest.fixture(scope="module")
def embedded():
    pytest.importorskip("xllamacpp", reason="the embedded model's engine is not installed (veridical[embedded])")
    try:
        packaged_weights()
    except MissingExtraError as absent:
        pytest.skip(str(absent))
    return Embedded(slots=2, context_tokens=512)


@pytest.mark.slow
async def test_the_embedded_model_keeps_to_a_schema_and_gives_log_probabilities(embedded):
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "green"]}, "count": {"type": "integer", "minimum": 0, "maximum": 9}},
        "required": ["colour", "count"],
        "additionalProperties": False,
    }
    question = ChatRequest(messages=(Message("user", "A colour and a count."),), schema=schema, max_tokens=40, seed=1)
    reply = await embedded.complete(question)
    assert misfit(parse(reply.text), schema) is None
    text = await embedded.complete(ChatRequest(prompt="Once upon a", max_tokens=6, logprobs=True, seed=1))
    assert text.finish is Finish.LENGTH
    assert len(text.logprobs) >= 5 and max(text.logprobs) <= 0
    assert embedded.identity["head_sha256"]
    await embedded.close()
