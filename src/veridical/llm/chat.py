"""What is asked of a language model, what comes back, and how can it go wrong?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol, Self, runtime_checkable

import orjson

from veridical.core import digest
from veridical.core.errors import ProviderError


class Finish(StrEnum):
    """Why a reply ended."""

    STOP = "stop"  # the model was done
    LENGTH = "length"  # cut at max_tokens: a truncation, not an answer
    REFUSAL = "refusal"  # the server says the model declined
    TOOL = "tool"  # the model asks for tools


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: role is "system", "user", "assistant" or "tool"."""

    role: str
    content: str
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One question to a model; equal requests have equal keys.

    Either `messages` or `prompt` (a raw completion, as Magpie needs) is given. `schema` is the JSON schema that the
    reply must satisfy. Sampling fields left at None are not sent, so the server's own defaults hold.
    """

    messages: tuple[Message, ...] = ()
    prompt: str | None = None
    max_tokens: int = 512
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    schema: Mapping[str, Any] | None = None
    schema_name: str = "record"
    tools: tuple[Mapping[str, Any], ...] = ()
    logprobs: bool = False

    @property
    def key(self) -> str:
        """SHA-256 of everything that is asked, in hex."""
        return digest.of_bytes(orjson.dumps(self, option=orjson.OPT_SORT_KEYS))

    def and_then(self, reply: str, question: str) -> Self:
        """Return the request that goes on after a reply with a further question."""
        turns = (*self.messages, Message("assistant", reply), Message("user", question))
        return replace(self, messages=turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens that one reply was charged for; `cached` is the part of `prompt` read from the server's cache."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReply:
    """What a model said, and what it took. Log-probabilities are of the generated tokens, natural log."""

    text: str
    finish: Finish = Finish.STOP
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    endpoint: str = ""
    latency_s: float = 0.0
    logprobs: tuple[float, ...] | None = None
    tool_calls: tuple[Mapping[str, Any], ...] = ()


@runtime_checkable
class ChatModel(Protocol):
    """Somebody who answers. `identity` names model, endpoint and fixed parameters (never a key): it is journalled."""

    @property
    def identity(self) -> Mapping[str, Any]: ...

    async def complete(self, request: ChatRequest, *, idempotency_key: str | None = None) -> ChatReply: ...

    async def close(self) -> None: ...


class RetryableError(ProviderError):
    """The server may answer if asked again; `retry_after_s` is what it asked for, if it did."""

    def __init__(
        self, what: str, *, where: str | None = None, fix: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.retry_after_s = retry_after_s


class RateLimitedError(RetryableError):
    """The server says: too many requests (HTTP 429)."""


class OverloadedError(RetryableError):
    """The server broke or is overloaded (HTTP 5xx), or the connection was cut."""


class UnreachableError(OverloadedError):
    """No connection came about: the request never left."""


class TimedOutError(RetryableError):
    """No reply within the time limit."""


class BrokenReplyError(RetryableError):
    """What came back is not what the protocol promises (cut or broken JSON)."""


class RejectedRequestError(ProviderError):
    """The server will never accept this request (HTTP 400, 413, 422)."""


class AccessDeniedError(ProviderError):
    """The server refuses every request of ours (HTTP 401, 402, 403, or an unknown model): a run stops, and resumes."""


class ServerDownError(ProviderError):
    """No endpoint of a role can be reached: a run stops, and resumes."""


def total(usages: Sequence[Usage]) -> Usage:
    """Return the sum of several usages.

    Example:
        >>> total([Usage(prompt=3, completion=1), Usage(prompt=2, cached=2)])
        Usage(prompt=5, completion=1, cached=2)
    """
    return Usage(
        prompt=sum(u.prompt for u in usages),
        completion=sum(u.completion for u in usages),
        cached=sum(u.cached for u in usages),
    )
