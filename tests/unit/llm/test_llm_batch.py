"""Do batches bring every reply once, through faults, partial failures and crashes, at half the price?"""

import asyncio
import json
import re

import pytest

from llm_server import LLMServer, Told, chat
from veridical.llm.batch import BatchModel
from veridical.llm.chat import ChatRequest, Message, RejectedRequestError
from veridical.llm.cost import Price, PriceTable
from veridical.llm.limits import Limits
from veridical.llm.providers.anthropic import Anthropic
from veridical.llm.providers.openai_compatible import OpenAICompatible
from veridical.llm.session import Endpoint, Session
from veridical.store.journal import Journal

PRICES = PriceTable({"m": Price(output=1_000_000.0)})


class Vendor:
    """The batch interfaces of both vendors, as one fake server speaks them."""

    def __init__(self, *, looks: int = 2) -> None:
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict] = {}
        self.looks = looks  # how often a batch is looked at before it has ended
        self.poison: set[str] = set()
        self.skip_once: set[str] = set()
        self.lose_submission = False
        self.answered: list[str] = []

    def __call__(self, asked):
        path = asked.path
        if path.endswith("/files"):
            name = f"file-{len(self.files)}"
            self.files[name] = re.search(rb"application/jsonl\r\n\r\n(.*?)\r\n--", asked.body, re.DOTALL)[1]
            return _json({"id": name})
        if asked.method == "POST" and path.endswith("/batches"):
            return self._submit(asked)
        if path.partition("?")[0].endswith("/batches"):
            return _json({"data": [self._state(batch) for batch in self.batches]})
        if path.endswith("/results") or path.endswith("/content"):
            return self._results(path.split("/")[-2])
        return self._look(path.rsplit("/", 1)[1])

    def _submit(self, asked):
        body = asked.json
        if "requests" in body:
            items = [(item["custom_id"], item["params"]) for item in body["requests"]]
        else:
            lines = self.files[body["input_file_id"]].splitlines()
            items = [(line["custom_id"], line["body"]) for line in map(json.loads, lines)]
        batch = f"batch-{len(self.batches)}"
        self.batches[batch] = {"items": items, "looks": 0, "metadata": body.get("metadata")}
        if self.lose_submission:
            self.lose_submission = False
            return Told(b"{}", 500)
        return _json(self._state(batch))

    def _state(self, batch):
        held = self.batches[batch]
        ended = held["looks"] >= self.looks
        counts = {"succeeded": len(held["items"])}
        return {
            "id": batch,
            "status": "completed" if ended else "in_progress",
            "metadata": held["metadata"],
            "processing_status": "ended" if ended else "in_progress",
            "request_counts": counts,
            "output_file_id": batch if ended else None,
            "error_file_id": None,
        }

    def _look(self, batch):
        self.batches[batch]["looks"] += 1
        return _json(self._state(batch))

    def _results(self, batch):
        lines = []
        for key, body in self.batches[batch]["items"]:
            text = body["messages"][-1]["content"]
            if text in self.skip_once:
                self.skip_once.discard(text)
                result = {"type": "expired"}
                response = None
            elif text in self.poison:
                result = {"type": "errored", "error": {"error": {"type": "invalid_request_error"}}}
                response = {"status_code": 400, "body": {}}
            else:
                self.answered.append(text)
                blocks = [{"type": "text", "text": f"re {text}"}]
                message = {
                    "content": blocks,
                    "stop_reason": "end_turn",
                    "usage": {"input_tokens": 0, "output_tokens": 2},
                }
                result = {"type": "succeeded", "message": message}
                response = {"status_code": 200, "body": json.loads(chat(f"re {text}", prompt=0, completion=2))}
            lines.append(json.dumps({"custom_id": key, "response": response, "error": None, "result": result}))
        lines.reverse()  # results come in any order
        return "\n".join(lines).encode()


def _json(value):
    return json.dumps(value).encode()


@pytest.fixture(params=["openai", "anthropic"])
def vendor(request, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "k")
    fake = Vendor()
    with LLMServer(fake) as server:
        fake.url, fake.kind = server.url, request.param
        yield fake


def _session(vendor, folder):
    if vendor.kind == "openai":
        model = OpenAICompatible(model="m", base_url=vendor.url, key_variable="")
    else:
        model = Anthropic(model="m", base_url=vendor.url.removesuffix("/v1"))
    batched = BatchModel(model=model, gather_s=0.02, poll_s=0.02, most=50)
    journal = Journal.open(folder, run_key="k", about={})
    limits = Limits(start_window=1000, largest_window=1000, first_wait_s=0.01, patience=None)
    return Session(journal, {"teacher": [Endpoint(batched, limits)]}, prices=PRICES)


def _ask(session, numbers):
    def question(number):
        return ChatRequest(messages=(Message("user", f"q{number}"),), max_tokens=9)

    return [session.ask(question(number), task=number, step="a") for number in numbers]


async def _end(session):
    await session.close()
    session.journal.close()


async def test_questions_asked_together_are_one_batch_at_half_the_price(vendor, tmp_path):
    session = _session(vendor, tmp_path)
    replies = await asyncio.gather(*_ask(session, range(20)))
    await _end(session)
    assert [reply.text for reply, _ in replies] == [f"re q{n}" for n in range(20)]
    assert len(vendor.batches) == 1
    assert session.purse.spent == 20 * 2 * 0.5


async def test_more_than_fit_one_batch(vendor, tmp_path):
    session = _session(vendor, tmp_path)
    await asyncio.gather(*_ask(session, range(120)))
    await _end(session)
    assert [len(batch["items"]) for batch in vendor.batches.values()] == [50, 50, 20]
    assert sorted(vendor.answered) == sorted(f"q{n}" for n in range(120))


async def test_a_poisoned_question_fails_alone_and_an_expired_one_goes_again(vendor, tmp_path):
    vendor.poison, vendor.skip_once = {"q3"}, {"q5"}
    session = _session(vendor, tmp_path)
    done = await asyncio.gather(*_ask(session, range(8)), return_exceptions=True)
    await _end(session)
    assert [n for n, item in enumerate(done) if isinstance(item, RejectedRequestError)] == [3]
    assert done[5][0].text == "re q5"
    assert len(vendor.batches) == 2


async def test_a_crash_while_a_batch_runs_pays_nothing_twice(vendor, tmp_path):
    vendor.looks = 10_000
    session = _session(vendor, tmp_path)
    for number in range(10):
        await session.journal.begin(number, "{}")
    waiting = [asyncio.create_task(one) for one in _ask(session, range(10))]
    while not vendor.batches:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await _end(session)
    vendor.looks = 0
    session = _session(vendor, tmp_path)
    replies = await asyncio.gather(*_ask(session, range(12)))
    await _end(session)
    assert [reply.text for reply, _ in replies] == [f"re q{n}" for n in range(12)]
    assert sorted(vendor.answered) == sorted(f"q{n}" for n in range(12))
    assert len(vendor.batches) == 2  # the second holds the two new questions only


async def test_a_submission_whose_answer_was_lost_is_found_again(vendor, tmp_path):
    vendor.lose_submission, vendor.looks = True, 1
    session = _session(vendor, tmp_path)
    replies = await asyncio.gather(*_ask(session, range(10)))
    await _end(session)
    assert len(replies) == 10
    assert len(vendor.batches) == 1
    assert sorted(set(vendor.answered)) == sorted(f"q{n}" for n in range(10))
