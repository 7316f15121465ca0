"""How does a dialogue become a record: played from a blueprint, and kept only if it ended as it should?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from veridical.core.errors import SpecError
from veridical.curate.setting import configured
from veridical.curate.word import words_of
from veridical.engines.dialogue.blueprint import EPISODES, Blueprint, draw_blueprint
from veridical.engines.dialogue.desk import Desk
from veridical.engines.dialogue.noise import KINDS
from veridical.engines.dialogue.played import Play
from veridical.engines.dialogue.reworded import Rewording, made_messy, share_of
from veridical.engines.dialogue.scripted import Habits, act_out
from veridical.engines.dialogue.turn import CUSTOMER, Turn, as_messages, as_text
from veridical.engines.dialogue.world import World, read_world
from veridical.llm.candidate import Ask, Candidate, Rejection
from veridical.llm.draw import drawn
from veridical.llm.trail import Sampling, Trail, identity_of

_WHY = {
    "patience": "the customer lost patience",
    "turns": "the turns were used up",
    "calls": "the agent went on calling tools",
    "silence": "somebody had nothing to say",
    "wording": "too few lines could be said in other words",
}


@configured
@dataclass(frozen=True, kw_only=True)
class Dialogue:
    """One dialogue a task: a customer with a hidden goal, an agent with tools over a database of its own.

    `world` is "shop" or a YAML file. `actors` "scripted" needs no model: templates follow the blueprint; "reworded"
    lets the teacher say each line of such a dialogue in other words (`style` "chat" or "completion";
    `reworded_at_least` of the lines must be its own); with "models" both sides are played, the customer by
    `customer_role`, the agent by `agent_role`. `tools` "native" calls tools by the server's interface, "hermes" in the
    text. `noise` maps kinds of mess to the chance of each in a customer's line. Scripted customers ask up to `asides`
    questions more, and tell each thing they know unasked with the chance `forthcoming`. `goals`, `episodes` and
    `languages` are drawn in balance; quotas may fix any of them.
    """

    world: str = "shop"
    actors: Literal["scripted", "reworded", "models"] = "models"
    goals: tuple[str, ...] = ()
    episodes: tuple[str, ...] = EPISODES
    languages: tuple[str, ...] = ("en",)
    noise: Mapping[str, float] = field(default_factory=dict)
    asides: int = 0
    forthcoming: float = 0.0
    tools: Literal["native", "hermes"] = "native"
    customer_role: str = "teacher"
    agent_role: str = "teacher"
    style: Literal["chat", "completion"] = "chat"
    reworded_at_least: float = 0.25
    most_turns: int = 24
    sampling: Sampling = Sampling(temperature=0.8, max_tokens=300)  # noqa: RUF009 - frozen
    real: str = ""
    beside: Path = Path()
    seed: int = 0

    def __post_init__(self) -> None:
        for given, known, what in (
            (self.goals, tuple(self._world.goals), "goal"),
            (self.episodes, EPISODES, "episode"),
            (tuple(self.noise), KINDS, "kind of noise"),
        ):
            if unknown := [name for name in given if name not in known]:
                raise SpecError(f"no {what} is called {unknown[0]!r}", where="recipe.dialogue", fix=", ".join(known))

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked; the world by its fingerprint, real dialogues not at all."""
        about = identity_of(self, "dialogue")
        about["options"] |= {"world": self._world.fingerprint, "beside": "", "real": ""}
        return about

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return goal, episode and language of a task."""
        options = {
            "goal": self.goals or tuple(self._world.goals),
            "episode": self.episodes,
            "language": self.languages,
        }
        return {"task": number, **drawn(options, seed=self.seed, path="dialogue", turn=number), **wanted}

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Draw the blueprint, play it, and hold the end against it."""
        blueprint = draw_blueprint(
            self._world, goal=spec["goal"], episode=spec["episode"], language=spec["language"], seed=self.seed,
            turn=int(spec["task"]),
        )  # fmt: skip
        trail = Trail.of(spec, ask, seed=self.seed)
        desk = Desk(self._world)
        turns, why = await self._acted(blueprint, desk, trail)
        made = trail.record(self._fields(blueprint, desk, turns), **_scores(turns, desk))
        rejection = outcome_of(blueprint, desk, turns)
        if rejection is None and why:
            rejection = Rejection(why, _WHY[why])
        desk.close()
        return [replace(made, rejected=rejection)]

    async def _acted(self, blueprint: Blueprint, desk: Desk, trail: Trail) -> tuple[list[Turn], str]:
        """Return the turns, and why they came to an end that nobody wanted ("" where they did not)."""
        if self.actors == "models":
            play = Play(
                self._world, blueprint, desk, trail, self.noise, self.sampling,
                customer_role=self.customer_role, agent_role=self.agent_role,
                native=self.tools == "native", most_turns=self.most_turns,
            )  # fmt: skip
            return await play.run(), play.why
        habits = Habits(asides=self.asides, forthcoming=self.forthcoming)
        noise = self.noise if self.actors == "scripted" else {}
        turns = act_out(self._world, blueprint, desk, noise, seed=trail.seed, habits=habits)
        trail.steps.append("scripted")
        if self.actors == "scripted":
            return turns, ""
        chat = self.style == "chat"
        turns = await Rewording(
            world=self._world, blueprint=blueprint, trail=trail, sampling=self.sampling, chat=chat
        ).run(turns)  # fmt: skip
        why = "wording" if share_of(turns) < self.reworded_at_least else ""
        return made_messy(turns, self.noise, blueprint, self._world, seed=trail.seed), why

    def _fields(self, blueprint: Blueprint, desk: Desk, turns: Sequence[Turn]) -> dict[str, Any]:
        return {
            "text": as_text(turns),
            "messages": as_messages(turns, self._world.policy),
            "tools": self._world.schemas(),
            "turns": [turn.to_dict() for turn in turns],
            "blueprint": blueprint.to_dict(),
            "wants": blueprint.wants(self._world),
            "policy_breaks": desk.broken,
        }

    @cached_property
    def _world(self) -> World:
        return read_world(self.world, self.beside)


def outcome_of(blueprint: Blueprint, desk: Desk, turns: Sequence[Turn]) -> Rejection | None:
    """Return why a dialogue did not end as its blueprint says, None where it did."""
    if not turns:
        return Rejection("turns", "nothing was said")
    if desk.broken:
        return Rejection("policy", f"the agent broke {', '.join(dict.fromkeys(desk.broken))}")
    if desk.state() != blueprint.state:
        return Rejection("state", "the database does not look as it should")
    spoken = " ".join(turn.text for turn in turns if turn.speaker != CUSTOMER)
    unsaid = [fact for fact in blueprint.facts if not is_said(fact, spoken)]
    if unsaid:
        return Rejection("facts", f"{len(unsaid)} of {len(blueprint.facts)} facts were never said")
    return None


def is_said(fact: str, spoken: str) -> bool:
    """Return whether a fact stands in what was said, as words or (a number) in another spelling.

    Example:
        >>> is_said("39.90", "You get $39.9 back."), is_said("shipped", "It was delivered.")
        (True, False)
    """
    # A Korean ending may follow without a space; a further letter or digit of ours may not.
    words = r"[^a-z0-9가-힣]+".join(map(re.escape, words_of(fact)))
    if re.search(rf"(?<![a-z0-9]){words}(?![a-z0-9])", spoken.lower()):
        return True
    try:
        wanted = float(fact)
    except ValueError:
        return False
    return any(float(number.replace(",", "")) == wanted for number in re.findall(r"\d[\d,]*(?:\.\d+)?", spoken))


def _scores(turns: Sequence[Turn], desk: Desk) -> dict[str, float]:
    return {
        "turns": float(len(turns)),
        "tools_used": float(len(desk.log)),
        "tools_failed": float(sum(used.failed for used in desk.log)),
        "frustration": max((turn.frustration for turn in turns), default=0.0),
        "reworded": share_of(turns),
    }
