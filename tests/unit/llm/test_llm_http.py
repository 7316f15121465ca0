"""Does a request reach a real server and come back whole, or as the right error?"""

import asyncio
import socket

import pytest

from llm_server import LLMServer, Told, chat
from veridical.core.errors import SpecError
from veridical.llm import chat as said
from veridical.llm.chat import ChatRequest, Finish, Message
from veridical.llm.http import HttpPool
from veridical.llm.providers.anthropic import Anthropic
from veridical.llm.providers.openai_compatible import OpenAICompatible
from veridical.llm.transport import Transport, retry_after_s

HI = ChatRequest(messages=(Message("system", "be brief"), Message("user", "hi")), max_tokens=9, temperature=0.5, seed=3)


async def _complete(model, request=HI, **more):
    try:
        return await model.complete(request, **more)
    finally:
        await model.close()


def _openai(server, **more):
    return OpenAICompatible(model="m", base_url=server.url, key_variable="", timeout_s=more.pop("timeout_s", 5), **more)


async def test_a_chat_reply_with_its_tokens():
    with LLMServer(lambda asked: chat("hello", cached=4)) as server:
        reply = await _complete(_openai(server), idempotency_key="k1")
    assert (reply.text, reply.finish) == ("hello", Finish.STOP)
    assert (reply.usage.prompt, reply.usage.completion, reply.usage.cached) == (10, 5, 4)
    [asked] = server.asked
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["idempotency-key"] == "k1"
    assert asked.json["messages"][0] == {"role": "system", "content": "be brief"}
    assert (asked.json["max_tokens"], asked.json["temperature"], asked.json["seed"]) == (9, 0.5, 3)
    assert "top_p" not in asked.json


@pytest.mark.parametrize("told", [{"chunked": True}, {"until_close": True}, {}])
async def test_replies_of_every_framing(told):
    with LLMServer(lambda asked: Told(chat("안녕 " * 500), **told)) as server:
        model = _openai(server)
        replies = [await model.complete(HI) for _ in range(3)]
        await model.close()
    assert [reply.text for reply in replies] == ["안녕 " * 500] * 3


@pytest.mark.parametrize(
    ("told", "error"),
    [
        (Told(b"{}", 429, {"Retry-After": "1.5"}), said.RateLimitedError),
        (Told(b"{}", 529), said.RateLimitedError),
        (Told(b"{}", 500), said.OverloadedError),
        (Told(b"{}", 503, {"Retry-After": "2"}), said.OverloadedError),
        (Told(b"{}", 400), said.RejectedRequestError),
        (Told(b"{}", 422), said.RejectedRequestError),
        (Told(b"{}", 401), said.AccessDeniedError),
        (Told(b"{}", 404), said.AccessDeniedError),
        (Told(b"{}", 302, {"Location": "http://elsewhere"}), said.AccessDeniedError),
        (Told(chat("hello"), cut_after=20), said.BrokenReplyError),
        (Told(b'{"choices": [{"mess'), said.BrokenReplyError),
        (Told(b'{"choices": []}'), said.BrokenReplyError),
        (Told(b"<html>", chunked=True), said.BrokenReplyError),
        (Told(hangs=True), said.TimedOutError),
    ],
)
async def test_every_way_to_fail_has_its_error(told, error):
    with LLMServer(lambda asked: told) as server, pytest.raises(error) as raised:
        await _complete(_openai(server, timeout_s=0.3))
    assert raised.value.where == f"127.0.0.1:{server.port}"


async def test_a_closed_connection_before_any_reply_is_overload():
    with LLMServer(lambda asked: Told(b"", cut_after=0, until_close=True)) as server:
        model = _openai(server)
        with pytest.raises((said.OverloadedError, said.BrokenReplyError)):
            await _complete(model)


async def test_nobody_listens():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    model = OpenAICompatible(model="m", base_url=f"http://127.0.0.1:{port}/v1", key_variable="")
    with pytest.raises(said.UnreachableError):
        await _complete(model)


async def test_connections_are_used_again_and_a_dead_one_is_not():
    with LLMServer() as server:
        pool = HttpPool(server.url, headers={}, timeout_s=5)
        for _ in range(5):
            await pool.request("POST", "/chat/completions", b'{"messages":[{"content":"x"}]}')
        assert len(pool._idle) == 1
        server._loop.call_soon_threadsafe(lambda: [task.cancel() for task in server._connections])
        await asyncio.sleep(0.1)
        again = await pool.request("POST", "/chat/completions", b'{"messages":[{"content":"x"}]}')
        await pool.close()
    assert again.status == 200


async def test_a_cancelled_request_takes_its_connection_with_it():
    with LLMServer(lambda asked: Told(chat(asked.text), delay_s=0.3 if asked.number == 0 else 0)) as server:
        model = _openai(server)
        slow = asyncio.create_task(model.complete(HI))
        await asyncio.sleep(0.1)
        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        reply = await _complete(model, ChatRequest(messages=(Message("user", "second"),)))
    assert reply.text == "second"


async def test_a_key_goes_into_its_header_and_into_no_error(monkeypatch):
    monkeypatch.setenv("SOME_KEY", "sk-very-secret")
    with LLMServer(lambda asked: Told(b'{"error": "bad key sk-very-secret here"}', 400)) as server:
        model = OpenAICompatible(model="m", base_url=server.url, key_variable="SOME_KEY")
        with pytest.raises(said.RejectedRequestError) as raised:
            await _complete(model)
    assert server.asked[0].headers["authorization"] == "Bearer sk-very-secret"
    assert "sk-very-secret" not in str(raised.value) + repr(model) + str(model.identity)
    assert "[key]" in str(raised.value)


@pytest.mark.parametrize("value", ["", "  ", "two\r\nlines"])
async def test_a_missing_key_is_said_before_anything_is_sent(monkeypatch, value):
    monkeypatch.setenv("SOME_KEY", value)
    with LLMServer() as server, pytest.raises(SpecError, match="SOME_KEY"):
        await _complete(OpenAICompatible(model="m", base_url=server.url, key_variable="SOME_KEY"))
    assert server.asked == []


def test_a_base_url_holds_no_password():
    for url in ("http://user:pass@host/v1", "ftp://host", "host:80"):
        with pytest.raises(SpecError):
            Transport(url)


def test_retry_after_in_seconds_milliseconds_and_dates():
    assert retry_after_s({"retry-after": "2"}) == 2.0
    assert retry_after_s({"retry-after-ms": "250"}) == 0.25
    assert retry_after_s({"retry-after": "Fri, 01 Jan 1999 00:00:00 GMT"}) == 0.0
    assert retry_after_s({"retry-after": "soon"}) is None


@pytest.mark.parametrize(
    ("finish", "refusal", "wanted"),
    [
        ("length", None, Finish.LENGTH),
        ("content_filter", None, Finish.REFUSAL),
        ("stop", "I cannot", Finish.REFUSAL),
        ("tool_calls", None, Finish.TOOL),
        (None, None, Finish.STOP),
    ],
)
async def test_why_a_reply_ended(finish, refusal, wanted):
    with LLMServer(lambda asked: chat("x", finish=finish, refusal=refusal)) as server:
        reply = await _complete(_openai(server))
    assert reply.finish is wanted


async def test_raw_prompts_and_log_probabilities():
    body = b'{"choices":[{"text":"abc","finish_reason":"stop","logprobs":{"token_logprobs":[null,-0.5,-1]}}]}'
    with LLMServer(lambda asked: body) as server:
        reply = await _complete(_openai(server), ChatRequest(prompt="once", logprobs=True))
    assert server.asked[0].path == "/v1/completions"
    assert (reply.text, reply.logprobs) == ("abc", (-0.5, -1.0))


async def test_anthropic_system_cache_tools_and_refusal(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    answers = [
        b'{"model":"c","content":[{"type":"text","text":"hey"}],"stop_reason":"max_tokens",'
        b'"usage":{"input_tokens":3,"cache_read_input_tokens":7,"output_tokens":2}}',
        b'{"content":[{"type":"tool_use","id":"t","name":"record","input":{"a":1}}],"stop_reason":"tool_use"}',
        b'{"content":[],"stop_reason":"refusal"}',
    ]
    with LLMServer(lambda asked: answers[asked.number]) as server:
        model = Anthropic(model="c", base_url=server.url.removesuffix("/v1"))
        first = await model.complete(HI)
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
        second = await model.complete(ChatRequest(messages=HI.messages, schema=schema))
        third = await model.complete(HI)
        with pytest.raises(SpecError, match="chat template"):
            await model.complete(ChatRequest(prompt="<|im_start|>user\n"))
        await model.close()
    assert (first.finish, first.usage.prompt, first.usage.cached) == (Finish.LENGTH, 10, 7)
    assert (second.text, second.finish) == ('{"a":1}', Finish.STOP)
    assert third.finish is Finish.REFUSAL
    assert server.asked[0].json["system"] == "be brief"
    assert server.asked[0].headers["x-api-key"] == "k"
    assert server.asked[1].json["tool_choice"] == {"type": "tool", "name": "record"}


async def test_models_that_only_chat_go_on_with_a_raw_text_and_stop_where_it_would():
    raw = ChatRequest(prompt="Q: 3+3\nA: 6\n\nQ: 2+2\nA:", stop=("\n", "Q:"))
    said = b'{"content":[{"type":"text","text":"\\n4\\nQ: 5+5"}],"stop_reason":"max_tokens"}'
    with LLMServer(lambda asked: said if asked.path == "/v1/messages" else chat("\n4\nQ: 5+5")) as server:
        for model in (
            Anthropic(model="c", base_url=server.url.removesuffix("/v1"), key_variable=""),
            _openai(server, raw_prompts="chat"),
        ):
            reply = await model.complete(raw)
            await model.close()
            assert (reply.text, reply.finish) == ("4", Finish.STOP), "whole to its stop: not cut short"
    one, two = (asked.json for asked in server.asked)
    assert one["stop_sequences"] == two["stop"] == ["Q:"], "a stop of white space alone is refused by some servers"
    assert all(asked["messages"][-1]["content"].endswith("Q: 2+2\nA:") for asked in (one, two))


async def test_each_request_has_its_own_time_though_one_timer_looks_after_all():
    def answer(asked):
        return Told(hangs=True) if asked.number == 0 else Told(chat("late but here"), delay_s=0.3)

    with LLMServer(answer) as server:
        model = _openai(server, timeout_s=0.4)
        hung = asyncio.ensure_future(model.complete(HI))
        await asyncio.sleep(0.2)
        slow = asyncio.ensure_future(model.complete(HI))
        with pytest.raises(said.TimedOutError):
            await hung
        assert (await slow).text == "late but here"
        server.answer = lambda asked: Told(hangs=True)
        with pytest.raises(said.TimedOutError):  # the timer starts again when there is something to wait for
            await model.complete(HI)
        await model.close()
