"""How does a recipe ask step by step, so that every record knows which steps and models made it?"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from veridical.core import digest
from veridical.core.rng import derive
from veridical.llm.candidate import Ask, Candidate, Rejection
from veridical.llm.chat import ChatReply, ChatRequest, Message
from veridical.llm.structured import ask_record, unusable

VERSION = 1  # of all recipes: a changed prompt is another run


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How replies are drawn; what is None is left to the server."""

    temperature: float | None = 0.9
    top_p: float | None = None
    presence_penalty: float | None = None
    max_tokens: int = 512
    logprobs: bool = False


@dataclass
class Trail:
    """One task's questions: `say` asks in chat, `go_on` continues a raw prompt, `fill` wants a JSON object.

    `kept` are the task's attributes: they go into every record it makes.
    """

    ask: Ask
    seed: int
    kept: Mapping[str, str] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, spec: Mapping[str, Any], ask: Ask, *, seed: int) -> Self:
        """Return the trail of a planned task; its attributes are the texts of the spec, "source" aside."""
        kept = {name: value for name, value in spec.items() if isinstance(value, str) and name != "source"}
        return cls(ask, seed + int(spec["task"]), kept)

    def branch(self) -> Self:
        """Return a trail that goes on from here on its own: its steps are not those of its siblings."""
        return replace(self, steps=list(self.steps), models=list(self.models), logprobs=[])

    async def say(
        self,
        step: str,
        question: str,
        sampling: Sampling,
        *,
        system: str = "",
        role: str = "teacher",
        schema: Mapping[str, Any] | None = None,
    ) -> ChatReply:
        """Ask one question in chat."""
        turns = (Message("user", question),)
        messages = (Message("system", system), *turns) if system else turns
        return await self._send(
            step, request_of(sampling, messages=messages, schema=schema, seed=self._seed(step)), role
        )

    async def go_on(
        self, step: str, prompt: str, sampling: Sampling, *, stop: Sequence[str] = (), role: str = "teacher"
    ) -> ChatReply:
        """Let the model continue a raw text, with no chat template around it."""
        return await self._send(step, request_of(sampling, prompt=prompt, stop=stop, seed=self._seed(step)), role)

    async def fill(
        self, step: str, question: str, names: Sequence[str], sampling: Sampling, *, system: str = ""
    ) -> dict[str, str] | Candidate:
        """Ask for a JSON object of text fields; broken answers are asked for again.

        Returns the object, or the rejected candidate when that failed too.
        """
        wish = f"{question}\n\nAnswer with one JSON object with the keys {', '.join(map(repr, names))}, all text."
        turns = (Message("system", system),) if system else ()
        request = request_of(
            sampling, messages=(*turns, Message("user", wish)), schema=object_schema(names), seed=self._seed(step)
        )
        found = await ask_record(self.noting, request, step=step)
        return self.broken(found.reply, found.rejection) if found.value is None else found.value

    def record(self, fields: Mapping[str, Any], **scores: float) -> Candidate:
        """Return the record that the steps so far made, the task's attributes among its fields."""
        return self.candidate({**self.kept, **fields}, **scores)

    def candidate(self, fields: Mapping[str, Any], **scores: float) -> Candidate:
        """Return the record of just these fields; `confidence` is the mean log-probability of its tokens."""
        if self.logprobs:
            scores["confidence"] = statistics.fmean(self.logprobs)
        return Candidate(
            fields=fields,
            attributes=self.kept,
            scores=scores,
            steps=tuple(self.steps),
            models=tuple(dict.fromkeys(self.models)),
        )

    def broken(self, reply: ChatReply, why: Rejection | None = None) -> Candidate:
        """Return the rejected candidate of a reply that cannot be used, with the trail that led to it."""
        rejection = why or unusable(reply) or Rejection("format", "no record could be read from the reply")
        return replace(self.candidate({"reply": reply.text}), rejected=rejection)

    def _seed(self, step: str) -> int:
        return derive(self.seed, "ask", step) % 2**31

    async def _send(self, step: str, request: ChatRequest, role: str) -> ChatReply:
        return await self.noting(request, step=step, role=role)

    async def noting(self, request: ChatRequest, *, step: str = "", role: str = "teacher") -> ChatReply:
        """Ask as `ask` does, and note the step: for others who ask on this trail's behalf."""
        reply = await self.ask(request, step=step, role=role)
        self.steps.append(step)
        self.models.append(reply.model)
        if reply.logprobs:
            self.logprobs.extend(reply.logprobs)
        return reply


def object_schema(fields: Sequence[str]) -> dict[str, Any]:
    """Return the JSON schema of an object whose named fields are all text.

    Example:
        >>> object_schema(["text"])["required"]
        ['text']
    """
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in fields},
        "required": list(fields),
        "additionalProperties": False,
    }


def request_of(
    sampling: Sampling,
    *,
    messages: Sequence[Message] = (),
    prompt: str | None = None,
    stop: Sequence[str] = (),
    schema: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> ChatRequest:
    """Return the request of a question and its sampling."""
    return ChatRequest(
        messages=tuple(messages),
        prompt=prompt,
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        presence_penalty=sampling.presence_penalty,
        stop=tuple(stop),
        seed=seed,
        schema=schema,
        logprobs=sampling.logprobs,
    )


def identity_of(recipe: Any, name: str) -> dict[str, Any]:
    """Return what a journal says of a recipe: its name, its options, and the digest of its seeds."""
    options = {field.name: getattr(recipe, field.name) for field in fields(recipe) if field.name != "seeds"}
    return {
        "recipe": name,
        "version": VERSION,
        "options": {key: _json(value) for key, value in options.items()},
        "seeds": digest.of_json([dict(record) for record in getattr(recipe, "seeds", ())]),
    }


def _json(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {key: _json(getattr(value, key)) for key in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {key: _json(item) for key, item in value.items()}
    return [_json(item) for item in value] if isinstance(value, tuple | list) else value
