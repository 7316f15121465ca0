"""A language model's server for tests: real sockets, in a thread of its own, that answers as a test tells it to."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]  # by lower-case name
    body: bytes
    number: int  # counted from 0

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The last message, or the raw prompt."""
        asked = self.json
        return asked["prompt"] if "prompt" in asked else asked["messages"][-1]["content"]


@dataclass(frozen=True)
class Told:
    """How to answer: with a status and a body, or by one of the ways in which servers fail."""

    content: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut_after: int | None = None  # bytes of the body that go out before the connection closes
    hangs: bool = False
    chunked: bool = False
    until_close: bool = False  # neither a length nor chunks


def chat(text: str, *, finish: str = "stop", refusal: str | None = None, **usage: int) -> bytes:
    """Return the body of a chat completion."""
    counted = {"prompt_tokens": usage.get("prompt", 10), "completion_tokens": usage.get("completion", 5)}
    if "cached" in usage:
        counted["prompt_tokens_details"] = {"cached_tokens": usage["cached"]}
    message = {"role": "assistant", "content": text, "refusal": refusal}
    choice = {"index": 0, "finish_reason": finish, "message": message}
    return json.dumps({"id": "x", "model": "m", "choices": [choice], "usage": counted}).encode()


Answer = Callable[[Asked], Told | bytes | str]


class LLMServer:
    """`with LLMServer(answer) as server:` serves at `server.url` until the block ends.

    `asked` holds every request; `paid` counts whole replies with status 200 by idempotency key. With `honours_keys`
    the same key gets the same reply without being paid again.
    """

    def __init__(self, answer: Answer | None = None, *, honours_keys: bool = False) -> None:
        self.answer: Answer = answer or (lambda asked: chat(f"answer to {asked.text}"))
        self.asked: list[Asked] = []
        self.paid: Counter[str] = Counter()
        self.most_in_flight = 0
        self._in_flight = 0
        self._honours_keys = honours_keys
        self._kept: dict[str, Told] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def in_flight_or_unread(self) -> int:
        """How many requests are being answered now."""
        return self._in_flight

    def __enter__(self) -> LLMServer:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())
        self._loop.close()

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._connections.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        asked = Asked(method, path, headers, body, len(self.asked))
        self.asked.append(asked)
        self._in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            told, _ = self._told(asked)
            if told.hangs:
                await asyncio.sleep(3600)
            if told.delay_s:
                await asyncio.sleep(told.delay_s)
        finally:
            self._in_flight -= 1
        return await self._send(told, writer)

    def _told(self, asked: Asked) -> tuple[Told, bool]:
        key = asked.headers.get("idempotency-key", "")
        if self._honours_keys and key in self._kept:
            return self._kept[key], False
        told = self.answer(asked)
        if isinstance(told, str):
            told = chat(told)
        if isinstance(told, bytes):
            told = Told(told)
        whole = told.status == 200 and told.cut_after is None and not told.hangs
        if whole:
            self.paid[key or str(asked.number)] += 1
            if self._honours_keys:
                self._kept[key] = told
        return told, True

    async def _send(self, told: Told, writer: asyncio.StreamWriter) -> bool:
        lines = [f"HTTP/1.1 {told.status} X", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in told.headers.items()]
        body = told.content
        if told.chunked:
            lines.append("Transfer-Encoding: chunked")
            pieces = [body[i : i + 7] for i in range(0, len(body), 7)]
            body = b"".join(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" for piece in pieces) + b"0\r\n\r\n"
        elif not told.until_close:
            lines.append(f"Content-Length: {len(body)}")
        if told.cut_after is not None:
            body = body[: told.cut_after]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + body)
        await writer.drain()
        return told.cut_after is None and not told.until_close
