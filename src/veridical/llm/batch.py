"""How are many questions asked at half the price, through the vendors' batch interfaces, and none twice?

A `BatchModel` is a model like any other: questions that arrive together go out as one batch, and each asker waits for
its own reply. What is about to be submitted is journalled before, and the batch's id after; a run that died in between
looks through the server's recent batches for its own before it submits again.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from veridical.core.errors import VeridicalError
from veridical.llm.chat import ChatReply, ChatRequest, OverloadedError, RejectedRequestError, RetryableError
from veridical.llm.cost import BATCH_DISCOUNT
from veridical.llm.providers.anthropic import Anthropic
from veridical.llm.providers.openai_compatible import OpenAICompatible
from veridical.llm.transport import Answer
from veridical.store.journal import Journal

Outcome = Mapping[str, Any] | VeridicalError  # a reply's body as the synchronous interface would give it, or a failure
Item = tuple[str, Mapping[str, Any]]  # the asker's key and the request's body
_SUBMITTED, _INTENDED = "batch", "batch-intent"


class BatchApi(Protocol):
    """One vendor's batch interface."""

    async def submit(self, items: Sequence[Item], *, intent: str) -> str:
        """Submit a batch and return its id."""
        ...

    async def ended(self, batch: str) -> bool:
        """Whether all of a batch has been answered or given up."""
        ...

    async def results(self, batch: str) -> Mapping[str, Outcome]:
        """Return what became of each key of a batch that has ended."""
        ...

    async def lost(self, intent: str, keys: frozenset[str], known: frozenset[str]) -> str | None:
        """Return the id of a batch that was submitted for an intent without our noting it, if there is one."""
        ...


@dataclass(kw_only=True)
class BatchModel:
    """A chat model behind a vendor's batch interface.

    Questions are gathered until none has come for `gather_s`, or `most` are there; `poll_s` is between looks.
    """

    model: OpenAICompatible | Anthropic
    gather_s: float = 1.0
    poll_s: float = 30.0
    most: int = 10_000
    discount: float = BATCH_DISCOUNT
    _waiting: dict[str, ChatRequest] = field(default_factory=dict, init=False, repr=False)
    _futures: dict[str, asyncio.Future[Outcome]] = field(default_factory=dict, init=False, repr=False)
    _arrived: dict[str, Outcome] = field(default_factory=dict, init=False, repr=False)
    _batch_of: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _intents: dict[str, frozenset[str]] = field(default_factory=dict, init=False, repr=False)
    _pollers: dict[str, asyncio.Task[None]] = field(default_factory=dict, init=False, repr=False)
    _gatherer: asyncio.Task[None] | None = field(default=None, init=False, repr=False)
    _finder: asyncio.Task[None] | None = field(default=None, init=False, repr=False)
    _journal: Journal | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        anthropic = isinstance(self.model, Anthropic)
        self._api: BatchApi = _AnthropicBatches(self.model) if anthropic else _OpenAIBatches(self.model)  # type: ignore[arg-type]

    @property
    def identity(self) -> Mapping[str, Any]:
        """What the journal and the manifest say of this model; a batch answers as the model does."""
        return {**self.model.identity, "batch": True}

    def attach(self, journal: Journal) -> None:
        """Take up what an earlier process submitted."""
        self._journal = journal
        for kind, body in journal.events((_SUBMITTED, _INTENDED)):
            if body.get("model") != self.model.identity.get("model"):
                continue
            if kind == _INTENDED:
                self._intents[body["intent"]] = frozenset(body["keys"])
                continue
            keys = self._intents.pop(body["intent"], frozenset())
            if body["batch"] is not None:
                self._batch_of.update(dict.fromkeys(keys, body["batch"]))

    async def complete(self, request: ChatRequest, *, idempotency_key: str | None = None) -> ChatReply:
        """Return the reply that a batch brings.

        Raises:
            RetryableError: not answered; asking again puts the question into the next batch.
            RejectedRequestError: never accepted.
        """
        key = idempotency_key or uuid.uuid4().hex
        outcome = self._arrived.pop(key, None)
        if outcome is None:
            self._futures[key] = asyncio.get_running_loop().create_future()
            try:
                await self._ask(key, request)
                outcome = await self._futures[key]
            finally:
                self._futures.pop(key, None)
                self._waiting.pop(key, None)
        self._batch_of.pop(key, None)
        if isinstance(outcome, VeridicalError):
            raise outcome
        answer = Answer(outcome, 0.0)
        return self.model.reply(answer, request)

    async def close(self) -> None:
        """Stop waiting; batches go on at the server and are taken up by the next process."""
        tasks = [task for task in (self._gatherer, self._finder, *self._pollers.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.model.close()

    async def _ask(self, key: str, request: ChatRequest) -> None:
        if self._intents and (self._finder is None or self._finder.done()):
            self._finder = asyncio.create_task(self._find_lost())
        if self._finder is not None:
            await asyncio.shield(self._finder)
        if (batch := self._batch_of.get(key)) is not None:
            self._poll(batch)
            return
        self._waiting[key] = request
        if self._gatherer is None or self._gatherer.done():
            self._gatherer = asyncio.create_task(self._gather())

    async def _find_lost(self) -> None:
        for intent, keys in list(self._intents.items()):
            batch = await self._api.lost(intent, keys, frozenset(self._batch_of.values()))
            if batch is not None:
                self._batch_of.update(dict.fromkeys(keys, batch))
            await self._note(_SUBMITTED, {"intent": intent, "batch": batch})
            del self._intents[intent]

    async def _gather(self) -> None:
        while self._waiting:
            seen = -1
            while seen != len(self._waiting) < self.most:
                seen = len(self._waiting)
                await asyncio.sleep(self.gather_s)
            keys = list(self._waiting)[: self.most]
            requests = {key: self._waiting.pop(key) for key in keys}
            try:
                await self._submit(requests)
            except VeridicalError as failed:
                self._deliver(dict.fromkeys(keys, failed))

    async def _submit(self, requests: Mapping[str, ChatRequest]) -> None:
        intent = uuid.uuid4().hex
        await self._note(_INTENDED, {"intent": intent, "keys": list(requests)})
        items = [(key, self.model.payload(request)) for key, request in requests.items()]
        try:
            batch = await self._api.submit(items, intent=intent)
        except RetryableError:
            self._intents[intent] = frozenset(requests)  # it may have arrived all the same: look before asking again
            raise
        await self._note(_SUBMITTED, {"intent": intent, "batch": batch})
        self._batch_of.update(dict.fromkeys(requests, batch))
        self._poll(batch)

    async def _note(self, kind: str, body: Mapping[str, Any]) -> None:
        if self._journal is not None:
            await self._journal.event(kind, {**body, "model": self.model.identity.get("model")})

    def _poll(self, batch: str) -> None:
        if batch not in self._pollers:
            self._pollers[batch] = asyncio.create_task(self._await_batch(batch))

    async def _await_batch(self, batch: str) -> None:
        keys = [key for key, held in self._batch_of.items() if held == batch]
        try:
            while not await self._patient(self._api.ended, batch):
                await asyncio.sleep(self.poll_s)
            results = await self._patient(self._api.results, batch)
        except VeridicalError as failed:
            results = dict.fromkeys(keys, failed)
        unanswered = OverloadedError("the batch ended without an answer", where="batch")
        self._deliver({key: results.get(key, unanswered) for key in {*keys, *results}})

    async def _patient(self, step: Callable[[str], Any], batch: str) -> Any:
        """Do a step; a passing failure of the server must not give up a batch that is paid for."""
        for attempt in range(20):
            try:
                return await step(batch)
            except RejectedRequestError:
                raise
            except VeridicalError:
                if attempt == 19:
                    raise
                await asyncio.sleep(min(self.poll_s, 60.0))
        raise AssertionError("the last attempt returns or raises")

    def _deliver(self, outcomes: Mapping[str, Outcome]) -> None:
        for key, outcome in outcomes.items():
            future = self._futures.get(key)
            if future is not None and not future.done():
                future.set_result(outcome)
            elif not isinstance(outcome, VeridicalError):
                self._arrived[key] = outcome


class _OpenAIBatches:
    """Files and batches: https://platform.openai.com/docs/guides/batch."""

    def __init__(self, model: OpenAICompatible) -> None:
        self._send = model.transport.send
        self._outputs: dict[str, tuple[str | None, str | None]] = {}

    async def submit(self, items: Sequence[Item], *, intent: str) -> str:
        lines = (
            {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body} for key, body in items
        )
        boundary = uuid.uuid4().hex
        form = _form(boundary, b"\n".join(map(orjson.dumps, lines)))
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        file = orjson.loads((await self._send("POST", "/files", form, headers=headers)).content)
        asked = {
            "input_file_id": file["id"],
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"intent": intent},
        }
        batch = orjson.loads((await self._send("POST", "/batches", orjson.dumps(asked))).content)
        return str(batch["id"])

    async def ended(self, batch: str) -> bool:
        state = orjson.loads((await self._send("GET", f"/batches/{batch}")).content)
        self._outputs[batch] = (state.get("output_file_id"), state.get("error_file_id"))
        return state["status"] in ("completed", "failed", "expired", "cancelled")

    async def results(self, batch: str) -> Mapping[str, Outcome]:
        found: dict[str, Outcome] = {}
        for file in self._outputs[batch]:
            if file is not None:
                lines = (await self._send("GET", f"/files/{file}/content")).content.splitlines()
                found.update(_of_openai(orjson.loads(line)) for line in lines if line.strip())
        return found

    async def lost(self, intent: str, keys: frozenset[str], known: frozenset[str]) -> str | None:  # noqa: ARG002
        listed = orjson.loads((await self._send("GET", "/batches?limit=100")).content)["data"]
        mine = (item for item in listed if (item.get("metadata") or {}).get("intent") == intent)
        return next((str(item["id"]) for item in mine), None)


class _AnthropicBatches:
    """Message batches: https://docs.anthropic.com/en/api/creating-message-batches."""

    def __init__(self, model: Anthropic) -> None:
        self._send = model.transport.send

    async def submit(self, items: Sequence[Item], *, intent: str) -> str:  # noqa: ARG002 - no place for it there
        asked = {"requests": [{"custom_id": key, "params": body} for key, body in items]}
        batch = orjson.loads((await self._send("POST", "/v1/messages/batches", orjson.dumps(asked))).content)
        return str(batch["id"])

    async def ended(self, batch: str) -> bool:
        state = orjson.loads((await self._send("GET", f"/v1/messages/batches/{batch}")).content)
        return bool(state["processing_status"] == "ended")

    async def results(self, batch: str) -> Mapping[str, Outcome]:
        lines = (await self._send("GET", f"/v1/messages/batches/{batch}/results")).content.splitlines()
        return dict(_of_anthropic(orjson.loads(line)) for line in lines if line.strip())

    async def lost(self, intent: str, keys: frozenset[str], known: frozenset[str]) -> str | None:  # noqa: ARG002
        # Only the results tell whose a batch is, so ours can be known once it has ended; until then it is waited for.
        listed = orjson.loads((await self._send("GET", "/v1/messages/batches?limit=100")).content)["data"]
        for item in listed:
            batch = str(item["id"])
            counts = item.get("request_counts") or {}
            if batch in known or (counts and sum(counts.values()) != len(keys)):
                continue
            while not await self.ended(batch):
                await asyncio.sleep(5.0)
            if keys & set(await self.results(batch)):
                return batch
        return None


def _of_openai(line: Mapping[str, Any]) -> tuple[str, Outcome]:
    response, key = line.get("response") or {}, str(line["custom_id"])
    status = response.get("status_code")
    if status == 200:
        return key, response["body"]
    if status in (400, 413, 422):
        return key, RejectedRequestError(f"HTTP {status} in a batch", where="batch", fix="check the request")
    return key, OverloadedError("the batch left this request unanswered", where="batch")


def _of_anthropic(line: Mapping[str, Any]) -> tuple[str, Outcome]:
    result, key = line["result"], str(line["custom_id"])
    if result["type"] == "succeeded":
        return key, result["message"]
    error = result.get("error") or {}
    if (error.get("error") or error).get("type") == "invalid_request_error":
        return key, RejectedRequestError("invalid request in a batch", where="batch", fix="check the request")
    return key, OverloadedError(f"the batch left this request {result['type']}", where="batch")


def _form(boundary: str, lines: bytes) -> bytes:
    """Return a multipart form with the purpose and the file (RFC 7578)."""
    purpose = f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="batch.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    )
    return purpose.encode() + head.encode() + lines + f"\r\n--{boundary}--\r\n".encode()
