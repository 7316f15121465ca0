"""How do language models play the customer and the agent?

The customer is shown a persona, the hidden goal and its own frustration, and reveals a little with every line; the
agent is shown the policy and the tools, and never the goal (tau-bench: Yao et al. 2024). Tools are called natively,
or written as Hermes does: <tool_call>{"name": ..., "arguments": ...}</tool_call>.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from veridical.core.rng import stream
from veridical.curate.act import acts_of, said_yes
from veridical.curate.word import one_line
from veridical.engines.dialogue.blueprint import Blueprint
from veridical.engines.dialogue.desk import Desk, Used
from veridical.engines.dialogue.mood import Mood
from veridical.engines.dialogue.noise import messed
from veridical.engines.dialogue.turn import AGENT, CUSTOMER, Turn
from veridical.engines.dialogue.world import World
from veridical.llm.chat import ChatReply, Message
from veridical.llm.trail import Sampling, Trail, request_of

STOP = "###STOP###"
_LANGUAGES = {"en": "English", "ko": "Korean"}
_CUSTOMER = """You are {name}, a customer in a chat with a shop's support agent. You are {manner}. Write in {language}.

What you want (never say all of it at once): to {wants}.
What you know: {knows}. You know nothing else; never make up a number or an address.

Your patience is {patience:g}, your frustration now {frustration:g}. Above your patience you ask for a human.
Write one short message, as people type in a chat. Answer what was asked. Agree when the agent announces what you want.
When you have got what you want, or were handed over, write {stop} and nothing else."""
_HERMES = """

You may use these tools:
<tools>
{tools}
</tools>
To use one, write only <tool_call>{{"name": "...", "arguments": {{...}}}}</tool_call> and wait for the result."""
_CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*(?:</tool_call>|$)", re.S)


@dataclass
class Play:
    """One dialogue between models. `why` says why it stopped: "" for an end that the customer chose."""

    world: World
    plan: Blueprint
    desk: Desk
    trail: Trail
    noise: Mapping[str, float]
    sampling: Sampling
    customer_role: str = "teacher"
    agent_role: str = "teacher"
    native: bool = True
    most_turns: int = 24
    most_calls: int = 6
    turns: list[Turn] = field(default_factory=list)
    why: str = ""

    async def run(self) -> list[Turn]:
        """Play until the customer stops, loses patience, or the turns are used up."""
        self._mood = Mood(self.plan.persona.patience)
        self._rng = stream(self.trail.seed, "played")
        self._agent_log: list[Message] = []
        self._asked: set[str] = set()
        while len(self.turns) < self.most_turns:
            if not await self._customer_speaks() or not await self._agent_speaks():
                return self.turns
            if self._mood.exhausted:
                self.why = "patience"
                return self.turns
        self.why = "turns"
        return self.turns

    async def _customer_speaks(self) -> bool:
        persona = self.plan.persona
        knows = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.plan.knows(self.world).items())
        system = _CUSTOMER.format(
            name=persona.name, manner=persona.manner, language=_LANGUAGES.get(persona.language, persona.language),
            wants=self.plan.wants(self.world), knows=knows, patience=persona.patience,
            frustration=self._mood.frustration, stop=STOP,
        )  # fmt: skip
        # Seen from the customer's chair the agent is the user; a chat must begin with one.
        talk = [Message("user", "Hello, how can I help you?")]
        talk += [Message("assistant" if t.speaker == CUSTOMER else "user", t.text) for t in self.turns]
        reply = await self._ask(f"customer.{len(self.turns)}", [Message("system", system), *talk], self.customer_role)
        if STOP in reply.text:
            return False
        text = one_line(reply.text)
        if not text:
            self.why = "silence"
            return False
        messy = messed(
            text, self.noise, self._rng, language=persona.language, cross=self._mood.frustration >= 1,
            protected=list(self.plan.values.values()),
        )  # fmt: skip
        self.turns.append(
            Turn(
                speaker=CUSTOMER, text=messy.text, acts=tuple(acts_of(text, CUSTOMER)), clean=text,
                labels=messy.labels, frustration=self._mood.frustration,
            )
        )  # fmt: skip
        # A yes counts only as an answer to an announcement.
        if len(self.turns) > 1 and "CONFIRM" in self.turns[-2].acts:
            self.desk.confirmed = said_yes(text)
        self._agent_log.append(Message("user", messy.text))
        return True

    async def _agent_speaks(self) -> bool:
        used: list[Used] = []
        for call in range(self.most_calls + 1):
            step = f"agent.{len(self.turns)}.{call}"
            asked = [Message("system", self._system()), *self._agent_log]
            reply = await self._ask(step, asked, self.agent_role, tools=True)
            calls = calls_in(reply)
            if not calls:
                break
            if call == self.most_calls:
                self.why = "calls"
                return False
            self._agent_log.append(Message("assistant", reply.text, tool_calls=reply.tool_calls))
            for name, arguments, identity in calls:
                done = self.desk.use(name, arguments)
                used.append(done)
                self._mood.feels("failed" if done.failed else "progress")
                content = json.dumps(dict(done.result), ensure_ascii=False)
                native = bool(reply.tool_calls)
                said = content if native else f"<tool_response>{content}</tool_response>"
                self._agent_log.append(Message("tool" if native else "user", said, tool_call_id=identity))
        text = one_line(reply.text)
        if not text:
            self.why = "silence"
            return False
        self._agent_log.append(Message("assistant", text))
        acts = tuple(acts_of(text, AGENT))
        if "REQUEST" in acts:
            self._mood.feels("asked_again" if text in self._asked else "no_progress")
            self._asked.add(text)
        self.turns.append(
            Turn(speaker=AGENT, text=text, acts=acts, frustration=self._mood.frustration, used=tuple(used))
        )
        return True

    def _system(self) -> str:
        if self.native:
            return self.world.policy
        return self.world.policy + _HERMES.format(tools="\n".join(json.dumps(tool) for tool in self.world.schemas()))

    async def _ask(self, step: str, messages: list[Message], role: str, *, tools: bool = False) -> ChatReply:
        request = request_of(self.sampling, messages=messages, seed=self.trail.seed % 2**31)
        if tools and self.native:
            request = replace(request, tools=tuple(self.world.schemas()))
        return await self.trail.noting(request, step=step, role=role)


def calls_in(reply: ChatReply) -> list[tuple[str, Mapping[str, Any], str | None]]:
    """Return the tools that a reply calls: name, arguments and id, from OpenAI's, Anthropic's or Hermes' form."""
    found: list[tuple[str, Mapping[str, Any], str | None]] = []
    for call in reply.tool_calls:
        function = call.get("function", call)
        arguments = function.get("arguments", function.get("input", {}))
        found.append((str(function.get("name", "")), _object(arguments), call.get("id")))
    if not found:
        for text in _CALL.findall(reply.text):
            value = _object(text)
            found.append((str(value.get("name", "")), _object(value.get("arguments", {})), None))
    return found


def _object(value: Any) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return {}
    return value if isinstance(value, Mapping) else {}
