"""Is every question asked once, journalled, retried where that helps, and told apart where it does not?"""

import asyncio

import orjson
import pytest

from llm_server import LLMServer, Told, chat
from veridical.core.errors import BudgetError, ProviderError, SpecError
from veridical.llm.chat import AccessDeniedError, ChatRequest, Message, ServerDownError
from veridical.llm.cost import Price, PriceTable, Purse
from veridical.llm.limits import Limits
from veridical.llm.providers.openai_compatible import OpenAICompatible
from veridical.llm.providers.scripted import Scripted
from veridical.llm.session import Endpoint, Session, decode, encode
from veridical.store.journal import Journal

QUICK = Limits(attempts=4, first_wait_s=0.01, longest_wait_s=0.05)


def _question(text: str = "hi", **more) -> ChatRequest:
    return ChatRequest(messages=(Message("user", text),), max_tokens=10, **more)


def _at(url: str, limits: Limits = QUICK, **more) -> Endpoint:
    return Endpoint(OpenAICompatible(model="m", base_url=url, key_variable="", **{"timeout_s": 2, **more}), limits)


def _session(folder, *endpoints, **more) -> Session:
    journal = Journal.open(folder, run_key="k", about={})
    return Session(journal, {"teacher": list(endpoints)}, **more)


async def _end(session: Session) -> None:
    await session.close()
    session.journal.close()


async def test_a_paid_reply_is_never_asked_for_again(tmp_path):
    with LLMServer() as server:
        session = _session(tmp_path, _at(server.url))
        await session.journal.begin(0, "{}")
        first, _ = await session.ask(_question(), task=0, step="a")
        await _end(session)
        session = _session(tmp_path, _at(server.url))
        again, _ = await session.ask(_question(), task=0, step="a")
        other, _ = await session.ask(_question(), task=0, step="b")
        await _end(session)
    assert again == first
    assert (session.tally.replayed, session.tally.sent) == (1, 1)
    assert len(server.asked) == 2
    assert other.text == first.text


async def test_the_same_question_again_is_a_further_sample_and_each_is_kept(tmp_path):
    with LLMServer(lambda asked: f"sample {asked.number}") as server:
        session = _session(tmp_path, _at(server.url))
        await session.journal.begin(0, "{}")
        first = [(await session.ask(_question(), task=0, step="a"))[0].text for _ in range(3)]
        await _end(session)
        session = _session(tmp_path, _at(server.url))
        second = [(await session.ask(_question(), task=0, step="a"))[0].text for _ in range(4)]
        await _end(session)
    assert first == ["sample 0", "sample 1", "sample 2"]
    assert second == [*first, "sample 3"]


async def test_two_runs_of_one_spec_have_different_idempotency_keys(tmp_path):
    with LLMServer() as server:
        for name in ("a", "b"):
            session = _session(tmp_path / name, _at(server.url))
            await session.ask(_question(), task=0, step="a")
            await _end(session)
    keys = {asked.headers["idempotency-key"] for asked in server.asked}
    assert len(keys) == 2


@pytest.mark.parametrize(
    "fault",
    [
        Told(b"{}", 429, {"Retry-After": "0.02"}),
        Told(b"{}", 500),
        Told(chat("x"), cut_after=10),
        Told(b'{"choices'),
        Told(hangs=True),
    ],
)
async def test_passing_faults_are_retried_with_the_same_key(tmp_path, fault):
    with LLMServer(lambda asked: fault if asked.number < 2 else chat("good")) as server:
        session = _session(tmp_path, _at(server.url, timeout_s=0.15))
        reply, _ = await session.ask(_question(), task=0, step="a")
        await _end(session)
    assert reply.text == "good"
    assert len(server.asked) == 3
    assert len({asked.headers["idempotency-key"] for asked in server.asked}) == 1


async def test_a_poisoned_request_fails_alone(tmp_path):
    def answer(asked):
        return Told(b"{}", 500) if asked.text == "poison" else chat("good")

    with LLMServer(answer) as server:
        session = _session(tmp_path, _at(server.url))
        with pytest.raises(ProviderError, match="after 4 attempts") as raised:
            await session.ask(_question("poison"), task=0, step="a")
        reply, _ = await session.ask(_question("fine"), task=1, step="a")
        await _end(session)
    assert type(raised.value) is ProviderError
    assert reply.text == "good"


async def test_a_server_that_is_gone_or_refuses_us_is_another_error(tmp_path):
    session = _session(tmp_path, _at("http://127.0.0.1:9/v1"))
    with pytest.raises(ServerDownError):
        await session.ask(_question(), task=0, step="a")
    await _end(session)
    with LLMServer(lambda asked: Told(b"{}", 401)) as server:
        session = _session(tmp_path, _at(server.url))
        with pytest.raises(AccessDeniedError):
            await session.ask(_question(), task=0, step="a")
        await _end(session)
    assert len(server.asked) == 1


async def test_a_broken_endpoint_hands_over_to_the_next(tmp_path):
    with LLMServer(lambda asked: Told(b"{}", 500)) as bad, LLMServer(lambda asked: chat("from the second")) as good:
        limits = Limits(attempts=6, first_wait_s=0.001, break_after=3, break_for_s=30)
        session = _session(tmp_path, _at(bad.url, limits), _at(good.url, limits))
        replies = await asyncio.gather(*(session.ask(_question(f"q{n}"), task=n, step="a") for n in range(20)))
        asked_before = len(bad.asked)
        await asyncio.gather(*(session.ask(_question(f"q{n}"), task=n, step="b") for n in range(20)))
        await _end(session)
    assert {reply.text for reply, _ in replies} == {"from the second"}
    assert len(bad.asked) == asked_before


async def test_max_cost_holds_and_the_next_session_knows_what_was_spent(tmp_path):
    prices = PriceTable({"m": Price(input=0.0, output=1_000_000.0)})  # a dollar a token
    with LLMServer(lambda asked: chat("x", completion=4)) as server:
        purse = Purse(limit=25.0)
        session = _session(tmp_path, _at(server.url), purse=purse, prices=prices)
        done = await asyncio.gather(
            *(session.ask(_question(f"q{n}"), task=n, step="a") for n in range(20)), return_exceptions=True
        )
        await _end(session)
        paid = [item for item in done if not isinstance(item, BaseException)]
        assert all(isinstance(item, BudgetError) for item in done if isinstance(item, BaseException))
        assert len(paid) == 4  # 16 dollars: the fifth might cost 10 more
        assert purse.spent == 16.0
        session = _session(tmp_path, _at(server.url), purse=Purse(limit=25.0), prices=prices)
        assert session.purse.spent == 16.0
        with pytest.raises(BudgetError):
            await session.ask(_question("more"), task=99, step="a")
        await _end(session)
    assert len(server.asked) == 4


async def test_a_lost_reply_counts_against_max_cost_for_ever(tmp_path):
    prices = PriceTable({"m": Price(output=1_000_000.0)})
    with LLMServer(lambda asked: Told(chat("x", completion=4), cut_after=9 if asked.number == 0 else None)) as server:
        session = _session(tmp_path, _at(server.url), prices=prices, purse=Purse(limit=100.0))
        await session.ask(_question(), task=0, step="a")
        assert (session.purse.spent, session.purse.doubtful) == (4.0, 10.0)
        await _end(session)
    session = _session(tmp_path, _at(server.url), prices=prices)
    assert (session.purse.spent, session.purse.doubtful) == (4.0, 10.0)
    await _end(session)


async def test_an_unknown_price_and_an_unknown_role_are_said(tmp_path):
    session = _session(tmp_path, Endpoint(Scripted(script=lambda request, again: "x", name="nobody's")))
    await session.ask(_question(), task=0, step="a")
    assert session.purse.unknown == {"nobody's"}
    with pytest.raises(SpecError, match="judge"):
        await session.ask(_question(), task=0, step="a", role="judge")
    await _end(session)


async def test_nothing_is_remembered_of_a_task_that_ended(tmp_path):
    session = _session(tmp_path, Endpoint(Scripted(script=lambda request, again: "x")))
    for task in range(50):
        await session.ask(_question(), task=task, step="a")
        session.forget(task)
    assert session._asked == session._known == {}
    await _end(session)


def test_a_reply_survives_the_journal():
    from veridical.llm.chat import ChatReply, Finish, Usage

    reply = ChatReply(
        text="안녕",
        finish=Finish.LENGTH,
        usage=Usage(prompt=3, cached=1),
        model="m",
        logprobs=(-0.5,),
        tool_calls=({"a": 1},),
    )
    assert decode(encode(reply)) == reply
    assert orjson.loads(encode(reply))["finish"] == "length"


async def test_no_more_requests_at_once_than_a_person_said_whatever_the_windows_allow(tmp_path):
    with LLMServer(lambda asked: Told(chat("x"), delay_s=0.03)) as server:
        wide = Limits(start_window=64)
        session = _session(tmp_path, _at(server.url, wide), in_flight=3)
        await asyncio.gather(*(session.ask(_question(str(n)), task=n, step="a") for n in range(24)))
        await _end(session)
    assert server.most_in_flight == 3
    assert len(server.asked) == 24
