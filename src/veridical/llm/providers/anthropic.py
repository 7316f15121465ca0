"""How is Anthropic's Messages API asked?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from veridical.llm.chat import BrokenReplyError, ChatReply, ChatRequest, Finish, Message, Usage
from veridical.llm.continued import cut, in_chat
from veridical.llm.transport import Answer, Transport

API_VERSION = "2023-06-01"
_FINISH = {
    "end_turn": Finish.STOP,
    "stop_sequence": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "refusal": Finish.REFUSAL,
    "tool_use": Finish.TOOL,
}


@dataclass(frozen=True, kw_only=True)
class Anthropic:
    """A model behind `POST {base_url}/v1/messages`.

    A JSON schema is asked for by a forced tool whose input is the record. Raw prompts, presence penalties, seeds and
    log-probabilities do not exist there: a raw prompt is asked in chat (`llm.continued`), the others are left out.
    """

    model: str
    base_url: str = "https://api.anthropic.com"
    key_variable: str = "ANTHROPIC_API_KEY"
    timeout_s: float = 120.0
    _transport: Transport = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        transport = Transport(
            self.base_url,
            key_variable=self.key_variable,
            header="x-api-key",
            scheme="",
            headers={"anthropic-version": API_VERSION},
            timeout_s=self.timeout_s,
        )
        object.__setattr__(self, "_transport", transport)

    @property
    def identity(self) -> Mapping[str, Any]:
        """What the journal and the manifest say of this model."""
        return {"provider": "anthropic", "model": self.model, "endpoint": self._transport.base_url}

    async def complete(self, request: ChatRequest, *, idempotency_key: str | None = None) -> ChatReply:
        """Return the model's reply.

        Raises:
            RetryableError: worth asking again. RejectedRequestError: never accepted. SpecError: a chat template.
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
        answer = await self._transport.post("/v1/messages", self.payload(request), headers=headers)
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
            SpecError: the request is a raw prompt that is a chat template.
        """
        request = in_chat(request, where="anthropic")
        system = "\n\n".join(message.content for message in request.messages if message.role == "system")
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": request.max_tokens,
            "messages": [_turn(message) for message in request.messages if message.role != "system"],
        }
        if system:
            body["system"] = system
        for name in ("temperature", "top_p"):
            if getattr(request, name) is not None:
                body[name] = getattr(request, name)
        if request.stop:
            body["stop_sequences"] = list(request.stop)
        tools = [_tool(tool) for tool in request.tools]
        if request.schema is not None:
            tools.append({"name": request.schema_name, "input_schema": dict(request.schema)})
            body["tool_choice"] = {"type": "tool", "name": request.schema_name}
        if tools:
            body["tools"] = tools
        return body

    def reply(self, answer: Answer, request: ChatRequest) -> ChatReply:
        """Return what an answer's JSON says to a request.

        Raises:
            BrokenReplyError: it lacks what the protocol promises.
        """
        body = answer.body
        try:
            blocks = body["content"]
            text = "".join(block["text"] for block in blocks if block["type"] == "text")
            calls = [block for block in blocks if block["type"] == "tool_use"]
            asked_for = [call for call in calls if request.schema is not None and call["name"] == request.schema_name]
            usage = body.get("usage") or {}
            cached = int(usage.get("cache_read_input_tokens") or 0)
            finish = _FINISH.get(body.get("stop_reason") or "end_turn", Finish.STOP)
            if asked_for:
                # A forced tool is how a schema is asked for: its input is the reply's JSON text.
                text, calls = orjson.dumps(asked_for[0]["input"]).decode(), []
                finish = Finish.STOP if finish is Finish.TOOL else finish
            made = ChatReply(
                text=text,
                finish=finish,
                usage=Usage(
                    prompt=int(usage.get("input_tokens") or 0) + cached,
                    completion=int(usage.get("output_tokens") or 0),
                    cached=cached,
                ),
                model=str(body.get("model") or self.model),
                endpoint=self._transport.place,
                latency_s=answer.latency_s,
                tool_calls=tuple(calls),
            )
            return cut(made, request)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            raise BrokenReplyError("the reply lacks content", where=self._transport.place) from None


def _turn(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        block = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.content}
        return {"role": "user", "content": [block]}
    if message.tool_calls:
        text = [{"type": "text", "text": message.content}] if message.content else []
        return {"role": "assistant", "content": [*text, *(dict(call) for call in message.tool_calls)]}
    return {"role": message.role, "content": message.content}


def _tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = tool.get("function", tool)
    return {
        "name": function["name"],
        "description": function.get("description", ""),
        "input_schema": function.get("parameters", {"type": "object"}),
    }
