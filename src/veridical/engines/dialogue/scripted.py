"""How do two scripted agents act a blueprint out, with no model at all?

They follow the blueprint's gold actions, ask for what the next one needs, announce what they change, and tell what came
of it; phrases rotate. Episodes put mistakes in: a wrong tool or argument and its mending, or a customer who is asked
the same thing until they have had enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml

from veridical.core.rng import stream
from veridical.engines.dialogue.blueprint import Blueprint, filled
from veridical.engines.dialogue.desk import Desk, Used
from veridical.engines.dialogue.mood import Mood
from veridical.engines.dialogue.noise import messed
from veridical.engines.dialogue.turn import AGENT, CUSTOMER, SUPERVISOR, Turn
from veridical.engines.dialogue.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How much customers talk: at most so many `asides`, and the chance that each thing they know is told unasked."""

    asides: int = 0
    forthcoming: float = 0.0


def act_out(
    world: World,
    blueprint: Blueprint,
    desk: Desk,
    noise: Mapping[str, float],
    *,
    seed: int,
    habits: Habits = Habits(),
) -> list[Turn]:
    """Return the turns of a blueprint, and leave the desk as they left it."""
    return _Stage(world, blueprint, desk, noise, habits, stream(seed, "scripted")).play()


class _Stage:
    def __init__(
        self, world: World, blueprint: Blueprint, desk: Desk, noise: Mapping[str, float], habits: Habits,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self.world, self.plan, self.desk, self.noise, self.rng = world, blueprint, desk, noise, rng
        self.habits = habits
        self.language = blueprint.persona.language
        self.mood = Mood(blueprint.persona.patience)
        self.turns: list[Turn] = []
        self.told: set[str] = set()
        self._used: list[Used] = []

    def play(self) -> list[Turn]:
        """Play from greeting to goodbye."""
        goal = self.world.goals[self.plan.goal]
        opening = filled({k: self._one(v) for k, v in goal.opens.items()}, self.language, self.plan.values)
        opening = f"{self._phrase(CUSTOMER, 'GREET')} {opening} {self._volunteered()}".strip()
        self._customer(opening, "INFORM_INTENT", *(("INFORM",) if self.told else ()))
        impatient = self.plan.episode == "escalation" and not goal.escalates
        slip = int(self.rng.integers(1, max(2, len(self.plan.gold))))
        for place, (tool, arguments) in enumerate(self.plan.gold):
            if impatient and place == len(self.plan.gold) - 1:
                self._lose_patience()
            self._ask_for(arguments)
            if place == slip and self.plan.episode in ("wrong_tool", "wrong_argument"):
                self._slip(tool, arguments)
            self._announce(tool, arguments)
            self._use(tool, arguments)
        self._end(escalated=self.plan.gold[-1][0] == self.world.escalation.get("tool"), impatient=impatient)
        return self.turns

    def _volunteered(self) -> str:
        """Return what the customer tells of what they know before anybody asks."""
        told = []
        for name, value in self.plan.knows(self.world).items():
            if self.habits.forthcoming and self.rng.random() < self.habits.forthcoming:
                self.told.add(name)
                told.append(self._phrase(CUSTOMER, "TELL", slot=self.world.slot(name, self.language), value=value))
        return " ".join(told)

    def _ask_beside(self) -> None:
        """Let the customer ask about what the tools answered, and the agent read it out."""
        if not self.habits.asides:
            return
        told = self.world.goals[self.plan.goal].facts
        able = []
        for aside in self.world.asides:
            found = [
                used.result.get(aside.field) for used in self.desk.log if used.tool == aside.tool and not used.failed
            ]
            if found and found[-1] is not None and f"{{{aside.field}}}" not in told:
                able.append((aside, found[-1]))
        count = int(self.rng.integers(0, self.habits.asides + 1))
        for place in self.rng.permutation(len(able))[:count]:
            aside, value = able[int(place)]
            said = f"{value:.2f}" if isinstance(value, float) else str(value)
            self._customer(str(self._one(aside.asks.get(self.language) or aside.asks["en"])), "REQUEST")
            answer = self._one(aside.answers.get(self.language) or aside.answers["en"])
            self._agent(str(answer).format_map({"value": said}), "INFORM")

    def _ask_for(self, arguments: Mapping[str, str]) -> None:
        knows = self.plan.knows(self.world)
        for name, value in knows.items():
            if value in arguments.values() and name not in self.told:
                self._agent(self._phrase(AGENT, "REQUEST", slot=self.world.slot(name, self.language)), "REQUEST")
                self._tell(name)

    def _tell(self, name: str) -> None:
        self.told.add(name)
        value = self.plan.knows(self.world)[name]
        slot = self.world.slot(name, self.language)
        self._customer(self._phrase(CUSTOMER, "INFORM", slot=slot, value=value), "INFORM")

    def _announce(self, tool: str, arguments: Mapping[str, str]) -> None:
        says = self.world.tools[tool].says
        if not says:
            return
        action = filled(says, self.language, arguments)
        self._agent(self._phrase(AGENT, "CONFIRM", action=action), "CONFIRM")
        self._customer(self._phrase(CUSTOMER, "AFFIRM"), "AFFIRM")
        self.desk.confirmed = True

    def _use(self, tool: str, arguments: Mapping[str, str]) -> Used:
        used = self.desk.use(tool, arguments)
        self._used.append(used)
        self.mood.feels("failed" if used.failed else "progress")
        return used

    def _slip(self, tool: str, arguments: Mapping[str, str]) -> None:
        """Do something wrong that harms nothing, notice it, and say so."""
        wrong_tool, wrong = tool, {name: _garbled(value) for name, value in arguments.items()}
        if self.plan.episode == "wrong_tool":
            wrong_tool = next(
                (n for n, t in self.world.tools.items() if not t.statements and n != tool), self.world.caller["tool"]
            )
            wrong = dict(arguments) if set(arguments) - set(self.world.tools[wrong_tool].parameters) else wrong
        if self.world.tools[wrong_tool].statements:
            self._announce(wrong_tool, arguments)
        used = self._use(wrong_tool, wrong)
        error = str(used.result.get("error", ""))
        # What a tool is called is nothing to tell a customer.
        error = "that was the wrong place to look" if not error or wrong_tool in error else error
        self._agent(self._phrase(AGENT, "NOTIFY_FAILURE", error=error), "NOTIFY_FAILURE")
        self._customer(self._phrase(CUSTOMER, "WAIT"), "AFFIRM")
        self.desk.confirmed = False

    def _lose_patience(self) -> None:
        names = [name for name in self.plan.knows(self.world) if name in self.told]
        while not self.mood.exhausted:
            slot = self.world.slot(names[0], self.language)
            self._agent(self._phrase(AGENT, "REQUEST", slot=slot), "REQUEST")
            self.mood.feels("asked_again")
            if not self.mood.exhausted:
                self._customer(self._phrase(CUSTOMER, "COMPLAIN"), "NEGATE")
        self._customer(self._phrase(CUSTOMER, "DEMAND"), "INFORM_INTENT")

    def _end(self, *, escalated: bool, impatient: bool) -> None:
        goal = self.world.goals[self.plan.goal]
        if impatient:
            self._agent(f"{self._phrase(AGENT, 'APOLOGY')} {self._phrase(AGENT, 'OFFER')}", "NOTIFY_FAILURE", "OFFER")
        else:
            answer = filled({k: self._one(v) for k, v in goal.answers.items()}, self.language, self._known())
            act = "NOTIFY_FAILURE" if escalated else "NOTIFY_SUCCESS"
            more = "" if escalated else f" {self._phrase(AGENT, 'REQ_MORE')}"
            self._agent(answer + more, act, *(() if escalated else ("REQ_MORE",)))
        if not escalated:
            self._ask_beside()
        if escalated:
            self._say(SUPERVISOR, self._phrase(SUPERVISOR, "NOTIFY_SUCCESS"), ("NOTIFY_SUCCESS",))
        self._customer(self._phrase(CUSTOMER, "THANK_YOU"), "THANK_YOU", "GOODBYE")
        self._agent(self._phrase(AGENT, "GOODBYE"), "GOODBYE")

    def _known(self) -> dict[str, str]:
        """Return the case's values, with what the tools said in place of what the drawing said."""
        found = {k: v for used in self.desk.log if not used.failed for k, v in used.result.items() if v is not None}
        return {**self.plan.values, **{k: f"{v:.2f}" if isinstance(v, float) else str(v) for k, v in found.items()}}

    def _customer(self, text: str, *acts: str) -> None:
        messy = messed(
            text, self.noise, self.rng, language=self.language, cross=self.mood.frustration >= 1,
            protected=list(self.plan.knows(self.world).values()),
        )  # fmt: skip
        self.turns.append(
            Turn(
                speaker=CUSTOMER, text=messy.text, acts=acts, clean=text, labels=messy.labels,
                frustration=self.mood.frustration,
            )
        )  # fmt: skip

    def _agent(self, text: str, *acts: str) -> None:
        self._say(AGENT, text, acts)

    def _say(self, speaker: str, text: str, acts: tuple[str, ...]) -> None:
        used, self._used = tuple(self._used), []
        self.turns.append(Turn(speaker=speaker, text=text, acts=acts, frustration=self.mood.frustration, used=used))

    def _phrase(self, speaker: str, act: str, **values: str) -> str:
        spoken = _phrases().get(self.language) or _phrases()["en"]
        return str(self._one(spoken[speaker][act])).format_map(values)

    def _one(self, options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]


def _garbled(value: str) -> str:
    """Return a value with two signs exchanged, as one misreads a number; a repeated sign is doubled instead."""
    made = value[:-2] + value[-1] + value[-2] if len(value) > 1 else value + "0"
    return made if made != value else value + value[-1]


@cache
def _phrases() -> Mapping[str, Any]:
    text = resources.files("veridical.engines.dialogue").joinpath("phrases.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Any] = yaml.safe_load(text)
    return found
