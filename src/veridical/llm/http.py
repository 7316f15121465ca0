"""How does one HTTP/1.1 request reach a server over kept-alive connections, at little more than the kernel's cost?

Written on asyncio's protocols because a general client costs as much per request as all the rest of a text run
together. It knows what a JSON API needs: requests with a body and its length, replies by length, in chunks or until
the connection closes, TLS with the system's certificates. No redirects, no cookies, no compression.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from veridical.llm.chat import BrokenReplyError, OverloadedError, TimedOutError, UnreachableError

MAX_REPLY_BYTES = 1 << 30
_HEAD_BYTES = 1 << 16
_DESK_BYTES = 1 << 16
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Response:
    """A whole reply: its status, its headers by lower-case name, and its body."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class HttpPool:
    """The connections to one server; as many as there are requests in flight, used again last in, first out.

    `headers` go with every request.
    """

    def __init__(self, base_url: str, *, headers: Mapping[str, str], timeout_s: float) -> None:
        parts = urlsplit(base_url)
        self.place = parts.netloc
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._prefix = parts.path.rstrip("/")
        own = {"Host": parts.netloc, "Accept-Encoding": "identity", "User-Agent": "veridical"}
        self._headers = {**own, **headers}
        self._head = _lines(self._headers)
        self._timeout_s = timeout_s
        self._idle: list[_Connection] = []
        self._context: Any = None
        self._desk = memoryview(bytearray(_DESK_BYTES))
        self._busy: dict[_Connection, float] = {}  # until when each may take
        self._watch: asyncio.TimerHandle | None = None

    async def request(
        self, method: str, path: str, body: bytes = b"", *, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Return the reply to one request, whatever its status.

        Raises:
            UnreachableError: no connection. TimedOutError: no whole reply in time.
            OverloadedError: the connection was closed before a reply. BrokenReplyError: the reply was cut.
        """
        lines = self._head
        if headers:
            fresh = self._headers.keys().isdisjoint(headers)
            lines = lines + _lines(headers) if fresh else _lines({**self._headers, **headers})
        head = f"{method} {self._prefix}{path} HTTP/1.1\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        connection = self._take() or await self._connect()
        self._busy[connection] = asyncio.get_running_loop().time() + self._timeout_s
        if self._watch is None:
            self._look_for_late()
        try:
            response = await connection.exchange(head.encode("latin-1") + body)
        except BaseException:
            connection.close()
            raise
        finally:
            del self._busy[connection]
        if connection.reusable:
            self._idle.append(connection)
        else:
            connection.close()
        return response

    async def close(self) -> None:
        """Close the connections that are not in use."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        while self._idle:
            self._idle.pop().close()
        await asyncio.sleep(0)  # lets the transports finish closing

    def _look_for_late(self) -> None:
        """Give up on replies that take too long: one timer for all, as a timer each costs more than parsing a reply."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection, until in list(self._busy.items()):
            if until <= now:
                connection.late(self._timeout_s)
        self._watch = loop.call_later(min(1.0, self._timeout_s / 10), self._look_for_late) if self._busy else None

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                return connection
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        if self._tls and self._context is None:
            import ssl

            self._context = ssl.create_default_context()
        try:
            async with asyncio.timeout(min(self._timeout_s, 30.0)):
                _, protocol = await loop.create_connection(
                    lambda: _Connection(loop, self.place, self._desk), self._host, self._port, ssl=self._context
                )
        except (OSError, TimeoutError) as absent:
            # Only the kind is told: another library's words may quote what was sent.
            raise UnreachableError(f"no connection ({type(absent).__name__})", where=self.place) from None
        return protocol


def _lines(headers: Mapping[str, str]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])


class _Connection(asyncio.BufferedProtocol):
    """One connection; one exchange at a time.

    All connections of a pool receive into one `desk`, and take what came off it at once: a fresh buffer for every
    piece, as `asyncio.Protocol` gets, is a trip to the kernel's memory and back.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, place: str, desk: memoryview) -> None:
        self._loop = loop
        self._place = place
        self._desk = desk
        self._transport: Any = None
        self._waiter: asyncio.Future[Response] | None = None
        self._reset()
        self.alive = True
        self.reusable = False

    def _reset(self) -> None:
        self._buffer = bytearray()
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body_at = -1  # where the body starts in the buffer, once the head is read
        self._length: int | None = None
        self._chunked = False

    async def exchange(self, content: bytes) -> Response:
        """Send a request and return the reply."""
        self._reset()
        self._waiter = self._loop.create_future()
        self._transport.write(content)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def late(self, timeout_s: float) -> None:
        """Tell who waits that it took too long."""
        self._fail(TimedOutError(f"no reply within {timeout_s:g} s", where=self._place))

    def close(self) -> None:
        """Close the connection."""
        self.alive = False
        if self._transport is not None:
            self._transport.abort()

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's signature
        """Return where the next piece of the reply goes."""
        return self._desk

    def buffer_updated(self, nbytes: int) -> None:
        """Take in a piece of the reply."""
        if self._waiter is None or self._waiter.done():
            self.close()  # nobody asked
            return
        self._buffer += self._desk[:nbytes]
        try:
            if self._body_at < 0:
                self._read_head()
            if self._body_at >= 0:
                self._read_body(ended=False)
        except (ValueError, IndexError):
            self._fail(BrokenReplyError("the reply is not HTTP", where=self._place))

    def eof_received(self) -> None:
        """Let the transport close."""

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits: a reply until the close is whole, everything else was cut."""
        self.alive = False
        if self._waiter is None or self._waiter.done():
            return
        if self._body_at >= 0 and self._length is None and not self._chunked and exc is None:
            self._read_body(ended=True)
        elif self._buffer:
            self._fail(BrokenReplyError("the reply was cut", where=self._place))
        else:
            self._fail(OverloadedError("the connection was closed without a reply", where=self._place))

    def _fail(self, error: Exception) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    # The reply.

    def _read_head(self) -> None:
        end = self._buffer.find(_END)
        if end < 0:
            if len(self._buffer) > _HEAD_BYTES:
                raise ValueError("endless head")
            return
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        version, status = lines[0].split(" ", 2)[:2]
        if not version.startswith("HTTP/1."):
            raise ValueError("not HTTP/1")
        self._status = int(status)
        if 100 <= self._status < 200:
            del self._buffer[: end + len(_END)]
            self._read_head()
            return
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        self._headers = headers
        self._chunked = headers.get("transfer-encoding", "").lower().endswith("chunked")
        self._length = int(headers["content-length"]) if "content-length" in headers and not self._chunked else None
        if self._status in (204, 304):
            self._length = 0
        if (self._length or 0) > MAX_REPLY_BYTES:
            raise ValueError("endless reply")
        keeps = headers.get("connection", "").lower() != "close" and version == "HTTP/1.1"
        self.reusable = keeps and (self._chunked or self._length is not None)
        self._body_at = end + len(_END)

    def _read_body(self, *, ended: bool) -> None:
        body: bytes | None = None
        if self._chunked:
            body = _unchunked(self._buffer, self._body_at)
        elif self._length is not None:
            if len(self._buffer) - self._body_at >= self._length:
                body = bytes(self._buffer[self._body_at : self._body_at + self._length])
        elif ended:
            body = bytes(self._buffer[self._body_at :])
        if len(self._buffer) > MAX_REPLY_BYTES + _HEAD_BYTES:
            raise ValueError("endless reply")
        if body is not None and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(Response(self._status, self._headers, body))
            self._buffer = bytearray()


def _unchunked(buffer: bytearray, at: int) -> bytes | None:
    """Return the body of a chunked reply once all of it is there (RFC 9112, section 7.1)."""
    if not buffer.endswith(b"\r\n"):
        return None  # cannot be the end: wait before going through all of it
    body = bytearray()
    while True:
        line_end = buffer.find(b"\r\n", at)
        if line_end < 0:
            return None
        size = int(bytes(buffer[at:line_end]).split(b";")[0], 16)
        at = line_end + 2
        if size == 0:
            return bytes(body) if buffer.find(b"\r\n", at) >= 0 else None
        if len(buffer) < at + size + 2:
            return None
        body += buffer[at : at + size]
        at += size + 2
