"""How is any OpenAI-compatible server asked: OpenAI, vLLM, Ollama, llama.cpp, and many others?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from veridical.llm.chat import BrokenReplyError, ChatReply, ChatRequest, Finish, Message, Usage
from veridical.llm.continued import cut, in_chat
from veridical.llm.transport import Answer, Transport

_FINISH = {
    "stop": Finish.STOP,
    "length": Finish.LENGTH,
    "content_filter": Finish.REFUSAL,
    "tool_calls": Finish.TOOL,
    "function_call": Finish.TOOL,
}

_OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, kw_only=True)
class OpenAICompatible:
    """A model behind `POST {base_url}/chat/completions` and `/completions`.

    `key_variable` names the environment variable that holds the key; "" sends none. `extra_body` is merged into
    every request (vLLM's and llama.cpp's own options). `raw_prompts` "chat" asks raw prompts in chat (`llm.continued`),
    for servers whose models only chat; by default that is OpenAI's own.

    Example:
        >>> model = OpenAICompatible(model="m", base_url="http://127.0.0.1:8000/v1", key_variable="")
        >>> model.identity["endpoint"]
        'http://127.0.0.1:8000/v1'
    """

    model: str
    base_url: str = _OPENAI
    key_variable: str = "OPENAI_API_KEY"
    timeout_s: float = 120.0
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    # OpenAI's newer models read `max_completion_tokens`, most others `max_tokens`.
    token_field: str = "max_tokens"
    raw_prompts: Literal["auto", "completions", "chat"] = "auto"
    native_schema: bool = True  # False: the server takes no JSON schema, so it is put into the last message
    _transport: Transport = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        transport = Transport(self.base_url, key_variable=self.key_variable, timeout_s=self.timeout_s)
        object.__setattr__(self, "_transport", transport)

    @property
    def identity(self) -> Mapping[str, Any]:
        """What the journal and the manifest say of this model."""
        return {
            "provider": "openai_compatible",
            "model": self.model,
            "endpoint": self._transport.base_url,
            "extra_body": dict(self.extra_body),
            "native_schema": self.native_schema,
            **({} if self.raw_prompts == "auto" else {"raw_prompts": self.raw_prompts}),
        }

    async def complete(self, request: ChatRequest, *, idempotency_key: str | None = None) -> ChatReply:
        """Return the model's reply.

        Raises:
            RetryableError: worth asking again (see `llm.chat`). RejectedRequestError: never accepted.
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
        path = "/chat/completions" if request.prompt is None or self._chats else "/completions"
        answer = await self._transport.post(path, self.payload(request), headers=headers)
        return self.reply(answer, request)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    @property
    def transport(self) -> Transport:
        """The way to the server, for its other interfaces."""
        return self._transport

    def payload(self, request: ChatRequest) -> dict[str, Any]:
        """Return the JSON body of a request.

        Raises:
            SpecError: a raw prompt is a chat template, and this model only chats.
        """
        if self._chats:
            request = in_chat(request, where=self._transport.place)
        body: dict[str, Any] = {"model": self.model, self.token_field: request.max_tokens}
        if request.prompt is None:
            body["messages"] = [_turn(message) for message in request.messages]
        else:
            body["prompt"] = request.prompt
        for name in ("temperature", "top_p", "presence_penalty", "seed"):
            if getattr(request, name) is not None:
                body[name] = getattr(request, name)
        if request.stop:
            body["stop"] = list(request.stop)
        if request.schema is not None and not self.native_schema:
            _put_into_words(body, request.schema)
        elif request.schema is not None:
            named = {"name": request.schema_name, "schema": dict(request.schema), "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": named}
        if request.tools:
            body["tools"] = [dict(tool) for tool in request.tools]
        if request.logprobs:
            body["logprobs"] = True if request.prompt is None else 1
        return {**body, **self.extra_body}

    @property
    def _chats(self) -> bool:
        """Whether raw prompts go out as questions in chat."""
        return self.raw_prompts == "chat" or (self.raw_prompts == "auto" and self.base_url == _OPENAI)

    def reply(self, answer: Answer, request: ChatRequest) -> ChatReply:
        """Return what an answer's JSON says to a request.

        Raises:
            BrokenReplyError: it lacks what the protocol promises.
        """
        body = answer.body
        try:
            choice = body["choices"][0]
            message = choice.get("message") or {}
            text = message.get("content") if "message" in choice else choice["text"]
            usage = body.get("usage") or {}
            refused = bool(message.get("refusal"))
            made = ChatReply(
                text=message["refusal"] if refused else (text or ""),
                finish=Finish.REFUSAL if refused else _FINISH.get(choice.get("finish_reason") or "stop", Finish.STOP),
                usage=Usage(
                    prompt=int(usage.get("prompt_tokens") or 0),
                    completion=int(usage.get("completion_tokens") or 0),
                    cached=int((usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0),
                ),
                model=str(body.get("model") or self.model),
                endpoint=self._transport.place,
                latency_s=answer.latency_s,
                logprobs=_logprobs(choice.get("logprobs")),
                tool_calls=tuple(message.get("tool_calls") or ()),
            )
            return cut(made, request) if self._chats else made
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise BrokenReplyError("the reply lacks choices, message or text", where=self._transport.place) from None


def _put_into_words(body: dict[str, Any], schema: Mapping[str, Any]) -> None:
    asked = "Answer with one JSON object that fits this JSON schema, and nothing else:"
    words = f"\n\n{asked}\n{orjson.dumps(schema).decode()}"
    if "prompt" in body:
        body["prompt"] += words
    else:
        last = body["messages"][-1]
        body["messages"] = [*body["messages"][:-1], {**last, "content": last["content"] + words}]


def _turn(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        turn["tool_calls"] = [dict(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _logprobs(found: Any) -> tuple[float, ...] | None:
    if not found:
        return None
    if found.get("content") is not None:
        return tuple(float(token["logprob"]) for token in found["content"])
    if found.get("token_logprobs") is not None:
        return tuple(float(value) for value in found["token_logprobs"] if value is not None)
    return None
