"""An OpenAI-compatible server with set latency and errors: `python -m benchmarks.mock_server --port 0 --latency 0.02`

Raw asyncio protocols, so that the server is never what is measured. It counts what it was asked and paid for, and can
honour idempotency keys. `GET /stats` tells; the first line printed is the port.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class World:
    """What the server does, and what it has seen."""

    latency_s: float = 0.02
    faults: float = 0.0  # share of requests that go wrong, one of five ways
    honours_keys: bool = False
    hang_s: float = 3.0
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    requests: int = 0
    paid: int = 0
    open: int = 0  # asked and not yet answered
    first_request_at: float = 0.0  # seconds since the epoch
    by_fault: dict[str, int] = field(default_factory=dict)
    paid_by_key: dict[str, int] = field(default_factory=dict)
    replies_by_key: dict[str, bytes] = field(default_factory=dict)

    def fault(self) -> str:
        """Return which way the next request goes wrong, or ""."""
        if self.rng.random() >= self.faults:
            return ""
        return self.rng.choice(["429", "500", "cut", "broken", "hang"])

    def stats(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "requests": self.requests,
            "paid": self.paid,
            "open": self.open,
            "first_request_at": self.first_request_at,
            "paid_twice": sum(count - 1 for count in self.paid_by_key.values() if count > 1),
            "by_fault": self.by_fault,
        }


class Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            length, key = 0, ""
            for line in head.split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                lowered = name.lower()
                if lowered == b"content-length":
                    length = int(value)
                elif lowered == b"idempotency-key":
                    key = value.strip().decode()
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            if head.startswith(b"GET"):
                self.tell()
            else:
                self.answer(body, key)

    def answer(self, body: bytes, key: str) -> None:
        world = self.world
        # Who sends no idempotency key is known by the question: every record asks another one.
        key = key or json.dumps(json.loads(body).get("messages"))
        world.requests += 1
        world.open += 1
        world.first_request_at = world.first_request_at or time.time()
        loop = asyncio.get_running_loop()
        fault = world.fault()
        if fault:
            world.by_fault[fault] = world.by_fault.get(fault, 0) + 1
        if fault == "429":
            loop.call_later(0.001, self.send, 429, b'{"error":{"message":"slow down"}}', b"Retry-After: 0.2\r\n")
        elif fault == "500":
            loop.call_later(world.latency_s, self.send, 500, b'{"error":{"message":"broken"}}')
        elif fault == "hang":
            loop.call_later(world.hang_s, self.close)
        else:
            if world.honours_keys and key in world.replies_by_key:
                content = world.replies_by_key[key]
            else:
                content = self.content(body)
                if not fault:
                    world.paid += 1
                    world.paid_by_key[key] = world.paid_by_key.get(key, 0) + 1
                    if world.honours_keys:
                        world.replies_by_key[key] = content
            if fault == "cut":
                loop.call_later(world.latency_s, self.cut, content)
            elif fault == "broken":
                loop.call_later(world.latency_s, self.send, 200, content[: len(content) // 2])
            else:
                loop.call_later(world.latency_s, self.send, 200, content)

    def content(self, body: bytes) -> bytes:
        asked = json.loads(body)
        number = asked.get("seed") or self.world.requests
        words = " ".join(f"{(number * 2654435761 + i * 40503) % 99991:x}" for i in range(12))
        record = json.dumps({"text": f"question {number}: {words}?"})
        return json.dumps(
            {
                "id": "x",
                "model": asked.get("model", "mock"),
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": record}}],
                "usage": {"prompt_tokens": 40, "completion_tokens": 30, "total_tokens": 70},
            }
        ).encode()

    def tell(self) -> None:
        """Answer who asks for the counts."""
        self._write(200, json.dumps(self.world.stats()).encode())

    def send(self, status: int, content: bytes, extra: bytes = b"") -> None:
        self.world.open -= 1
        self._write(status, content, extra)

    def _write(self, status: int, content: bytes, extra: bytes = b"") -> None:
        if not self.transport.is_closing():
            head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            self.transport.write(head.encode() + extra + b"\r\n" + content)

    def cut(self, content: bytes) -> None:
        self.world.open -= 1
        if not self.transport.is_closing():
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
            self.transport.write(head.encode() + content[: len(content) // 2])
            self.transport.close()

    def close(self) -> None:
        self.world.open -= 1
        self.transport.close()


async def serve(world: World, port: int) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(world), "127.0.0.1", port, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.02)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--honours-keys", action="store_true")
    options = parser.parse_args()
    world = World(latency_s=options.latency, faults=options.faults, honours_keys=options.honours_keys)
    asyncio.run(serve(world, options.port))


if __name__ == "__main__":
    main()
