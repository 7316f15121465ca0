"""What shall happen in a dialogue? Drawn first, and verified on the database before anybody says a word.

Yao et al. 2024, "tau-bench": a hidden goal, gold actions, and the state of the database that they lead to. A blueprint
whose gold actions fail, or change nothing where they should, or whose facts no tool ever tells, is never played.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from veridical.core.errors import SpecError
from veridical.core.rng import stream
from veridical.engines.dialogue.desk import Desk
from veridical.engines.dialogue.world import Goal, World

EPISODES = ("plain", "wrong_tool", "wrong_argument", "escalation")
_MANNERS = ("calm", "talkative", "curt", "anxious", "annoyed")
_PATIENCE: Mapping[str, int] = {"calm": 5, "talkative": 4, "curt": 3, "anxious": 3, "annoyed": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """Who is asking. `patience` counts annoyances (0.5 to 2 each) until the customer has had enough."""

    name: str
    manner: str
    language: str
    patience: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Blueprint:
    """A goal with its case, gold actions, facts and end state; `values` is what the pick found."""

    goal: str
    episode: str
    persona: Persona
    values: Mapping[str, str]
    gold: tuple[tuple[str, Mapping[str, str]], ...]
    facts: tuple[str, ...]
    state: str

    def wants(self, world: World) -> str:
        """Return the hidden goal in words."""
        return filled(world.goals[self.goal].wants, self.persona.language, self.values)

    def knows(self, world: World) -> dict[str, str]:
        """Return what the customer can tell."""
        return {name: self.values[name] for name in world.goals[self.goal].knows}

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-like data."""
        return asdict(self)


def draw_blueprint(world: World, *, goal: str, episode: str, language: str, seed: int, turn: int) -> Blueprint:
    """Return a verified blueprint; the same arguments give the same one.

    Raises:
        SpecError: the goal finds no case, or its gold actions do not hold on the database.
    """
    rng = stream(seed, "blueprint", turn)
    declared = world.goals[goal]
    with world.opened() as connection:
        cases = [dict(row) for row in connection.execute(declared.pick)]
    if not cases:
        raise SpecError("its pick finds no case", where=f"world {world.name}: goal {goal}")
    values = {name: _said(value) for name, value in cases[int(rng.integers(len(cases)))].items() if value is not None}
    values["topic"] = declared.topic
    manner = _MANNERS[int(rng.integers(len(_MANNERS)))]
    patience = float(_PATIENCE[manner])
    gold = _gold(declared.gold, values)
    facts = tuple(fact.format_map(values) for fact in declared.facts)
    if episode == "escalation" and not declared.escalates:
        # The customer runs out of patience: whatever they wanted, the gold end is a colleague's hands.
        first = [call for call in gold if call[0] == world.caller.get("tool")]
        gold, facts, patience = (*first, *_gold([world.escalation], values)), (), 1.0
    persona = Persona(name=values.get("name", ""), manner=manner, language=language, patience=patience)
    state = verified(world, declared, gold, facts, where=f"world {world.name}: goal {goal}")
    return Blueprint(goal=goal, episode=episode, persona=persona, values=values, gold=gold, facts=facts, state=state)


def verified(
    world: World, goal: Goal, gold: Sequence[tuple[str, Mapping[str, str]]], facts: Sequence[str], *, where: str
) -> str:
    """Replay gold actions on a fresh copy and return the state they lead to.

    Raises:
        SpecError: an action fails or breaks a rule, changes nothing where it should, or a fact is nowhere to be read.
    """
    desk = Desk(world)
    before = desk.state()
    told = [world.policy, json.dumps(dict(goal.answers), ensure_ascii=False)]
    for tool, arguments in gold:
        desk.confirmed = True
        used = desk.use(tool, arguments)
        if used.failed or used.broken:
            problem = used.result.get("error") or f"it breaks {', '.join(used.broken)}"
            raise SpecError(f"gold action {tool} does not hold: {problem}", where=where)
        told.append(json.dumps(used.result, ensure_ascii=False))
    state = desk.state()
    desk.close()
    if any(world.tools[tool].statements for tool, _ in gold) and state == before:
        raise SpecError("the gold actions change nothing", where=where)
    for fact in facts:
        if not any(fact.rstrip("0").rstrip(".") in text for text in told):
            raise SpecError("a fact is told by no tool of the gold actions", where=where)
    return state


def filled(texts: Mapping[str, Any], language: str, values: Mapping[str, str]) -> str:
    """Return a text of a language (English where it has none) with its values filled in."""
    text = texts.get(language) or texts["en"]
    return str(text).format_map(values)


def _gold(calls: Sequence[Mapping[str, Any]], values: Mapping[str, str]) -> tuple[tuple[str, Mapping[str, str]], ...]:
    return tuple(
        (str(call["tool"]), {name: str(text).format_map(values) for name, text in dict(call["with"]).items()})
        for call in calls
    )


def _said(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
