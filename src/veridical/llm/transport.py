"""How does a JSON request reach a server, and which error does a bad answer become?

One `Transport` per endpoint, on `llm.http`: the vendors' own clients cost more per request than a whole pipeline may.
The key is read from the environment at the first request and only ever put into a header.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from veridical.core.errors import SpecError
from veridical.llm.chat import (
    AccessDeniedError,
    BrokenReplyError,
    OverloadedError,
    RateLimitedError,
    RejectedRequestError,
)
from veridical.llm.http import HttpPool, Response

_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """The JSON body of a 2xx reply and how long it took."""

    body: Any
    latency_s: float


class Transport:
    """Posts JSON to one base URL.

    `key_variable` names the environment variable that holds the key ("" for none); `header` is the header it goes
    into, `scheme` what stands before it.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key_variable: str = "",
        header: str = "Authorization",
        scheme: str = "Bearer ",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 120.0,
    ) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.username or parts.password:
            raise SpecError(
                "a base URL is http(s)://host[:port]/path, without user or password",
                where="endpoint",
                fix="put the key into an environment variable and name it with key_variable",
            )
        self.base_url = base_url.rstrip("/")
        self.place = parts.netloc
        self._key_variable = key_variable
        self._header = header
        self._scheme = scheme
        self._extra = dict(headers or {})
        self._timeout_s = timeout_s
        self._pool: HttpPool | None = None

    async def post(self, path: str, payload: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> Answer:
        """Return the decoded JSON of a 2xx answer.

        Raises:
            RateLimitedError: the server answered 429 (or 529).
            OverloadedError: the server answered 5xx or 408/409/425, or the connection was cut.
            TimedOutError: nothing within the time limit.
            BrokenReplyError: a 2xx answer is not JSON, or was cut.
            AccessDeniedError: 401 to 405, or a redirect. RejectedRequestError: any other status.
        """
        start = time.perf_counter()
        content = (await self.send("POST", path, orjson.dumps(payload), headers=headers)).content
        try:
            return Answer(orjson.loads(content), time.perf_counter() - start)
        except orjson.JSONDecodeError:
            raise BrokenReplyError("the reply is not JSON", where=self.place) from None

    async def get(self, path: str) -> bytes:
        """Return the body of a 2xx answer to a GET.

        Raises:
            VeridicalError: as `post` does.
        """
        return (await self.send("GET", path)).content

    async def send(
        self, method: str, path: str, body: bytes = b"", *, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Return a 2xx answer to any request; the body is JSON unless `headers` say otherwise.

        Raises:
            VeridicalError: as `post` does.
        """
        response = await self._open().request(method, path, body, headers=headers)
        if response.status >= 300:
            raise self._failure(response.status, response.headers, response.content)
        return response

    async def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    def _open(self) -> HttpPool:
        if self._pool is None:
            headers = {"Content-Type": "application/json", **self._extra}
            if self._key_variable:
                headers[self._header] = self._scheme + self._key()
            self._pool = HttpPool(self.base_url, headers=headers, timeout_s=self._timeout_s)
        return self._pool

    def _key(self) -> str:
        key = os.environ.get(self._key_variable, "").strip()
        if not key or not key.isprintable() or not key.isascii():
            raise SpecError(
                f"the environment variable {self._key_variable} is not set, or holds no key",
                where=self.place,
                fix=f"export {self._key_variable}=... (keys are read from the environment only)",
            )
        return key

    def _failure(self, status: int, headers: Mapping[str, str], content: bytes) -> Exception:
        wait_s = retry_after_s(headers)
        said = self._scrubbed(content)
        if status in (429, 529):
            return RateLimitedError(f"HTTP {status}: too many requests", where=self.place, retry_after_s=wait_s)
        if status >= 500 or status in (408, 409, 425):
            return OverloadedError(f"HTTP {status}", where=self.place, retry_after_s=wait_s)
        if status in (401, 402, 403):
            fix = "check the key's environment variable and the account; the same command resumes"
            return AccessDeniedError(f"HTTP {status}: {said}", where=self.place, fix=fix)
        if status in (404, 405) or 300 <= status < 400:
            fix = "check base_url and the model's name; the same command resumes"
            return AccessDeniedError(f"HTTP {status}: {said}", where=self.place, fix=fix)
        return RejectedRequestError(f"HTTP {status}: {said}", where=self.place, fix="check the request's parameters")

    def _scrubbed(self, content: bytes) -> str:
        text = " ".join(content.decode("utf-8", "replace").split())
        key = os.environ.get(self._key_variable, "").strip() if self._key_variable else ""
        if key:
            text = text.replace(key, "[key]")
        return text[:_SHOWN_CHARACTERS]


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a server asks to wait (RFC 9110, section 10.2.3: seconds or an HTTP date), if it does.

    Headers are by lower-case name.

    Example:
        >>> retry_after_s({"retry-after": "1.5"})
        1.5
        >>> retry_after_s({}) is None
        True
    """
    if (milliseconds := headers.get("retry-after-ms")) is not None:
        try:
            return max(0.0, float(milliseconds) / 1000)
        except ValueError:
            return None
    text = headers.get("retry-after")
    if text is None:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    import email.utils

    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
