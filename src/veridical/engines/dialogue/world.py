"""In which world does a dialogue take place: which database, tools, rules and goals are there?

A world is a YAML file that a person writes; the shop that ships is one. Queries are SQL with named parameters, and
belong to the author of the file: a model only ever fills parameters.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from veridical.core import digest
from veridical.core.errors import SpecError
from veridical.core.options import from_options

SHIPPED = ("shop",)


@dataclass(frozen=True, kw_only=True)
class Need:
    """A query that must find something before a tool does its work, and what the tool says when it does not."""

    query: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Tool:
    """What an agent may do: read (`query`) or change (`statements`, then `query` for what came of it).

    `says` is, by language, what the agent announces before it changes something.
    """

    description: str
    parameters: Mapping[str, str]
    query: str
    statements: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    missing: str = "nothing was found"
    says: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A rule that the agent must keep and no tool enforces.

    `tools` may be used only after the tool `after`, only `confirmed` by the customer, only where `query` finds
    something (`unless` another query does).
    """

    name: str
    tools: tuple[str, ...]
    why: str
    after: str = ""
    confirmed: bool = False
    query: str = ""
    unless: str = ""


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What a customer may want. `pick` finds the cases; its columns fill the texts, by language.

    `gold` is what a perfect agent calls, `facts` what it must have said, `knows` what the customer can tell.
    """

    topic: str
    pick: str
    wants: Mapping[str, str]
    opens: Mapping[str, tuple[str, ...]]
    knows: tuple[str, ...]
    gold: tuple[Mapping[str, Any], ...]
    facts: tuple[str, ...]
    answers: Mapping[str, tuple[str, ...]]
    escalates: bool = False


@dataclass(frozen=True, kw_only=True)
class Aside:
    """What a customer may ask beside, by language: of the `field` that a tool told; `{value}` fills the answer."""

    tool: str
    field: str
    asks: Mapping[str, tuple[str, ...]]
    answers: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything a dialogue is about.

    `caller` names the tool that finds who is asking, its parameter, and the name (`as`) by which policies see it;
    `escalation` is the call that hands over to a person.
    """

    name: str
    policy: str
    tools: Mapping[str, Tool]
    goals: Mapping[str, Goal]
    setup: str = ""
    database: str = ""
    today: str = ""
    slots: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    policies: tuple[Policy, ...] = ()
    caller: Mapping[str, str] = field(default_factory=dict)
    escalation: Mapping[str, Any] = field(default_factory=dict)
    asides: tuple[Aside, ...] = ()
    folder: Path = Path()

    def __post_init__(self) -> None:
        known = set(self.tools)
        used = {str(call["tool"]) for goal in self.goals.values() for call in goal.gold}
        used |= {tool for policy in self.policies for tool in policy.tools} | {aside.tool for aside in self.asides}
        if self.escalation:
            used.add(str(self.escalation["tool"]))
        if unknown := sorted(used - known):
            raise SpecError(f"no tool is called {', '.join(map(repr, unknown))}", where=f"world {self.name}")

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the declaration and of the database it starts from."""
        with self.opened() as connection:
            lines = list(connection.iterdump())
        about = {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__ if name != "folder"}
        return digest.of_json([about, lines])

    def opened(self) -> sqlite3.Connection:
        """Return a fresh copy of the database, in memory.

        Raises:
            SpecError: there is none, or the setup is no SQL.
        """
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        connection.row_factory = sqlite3.Row
        try:
            if self.database:
                source = sqlite3.connect(f"file:{self.folder / self.database}?mode=ro", uri=True)
                source.backup(connection)
                source.close()
            else:
                connection.executescript((self.folder / self.setup).read_text(encoding="utf-8"))
        except (sqlite3.Error, OSError) as wrong:
            raise SpecError(f"the database cannot be opened: {wrong}", where=f"world {self.name}") from wrong
        return connection

    def schemas(self) -> list[dict[str, Any]]:
        """Return the tools as OpenAI's API wants them declared."""
        return [
            {
                "type": "function",
                "function": {
                    "name": name,
                    "description": tool.description,
                    "parameters": {
                        "type": "object",
                        "properties": {key: {"type": "string", "description": w} for key, w in tool.parameters.items()},
                        "required": list(tool.parameters),
                    },
                },
            }
            for name, tool in self.tools.items()
        ]

    def slot(self, name: str, language: str) -> str:
        """Return what a thing is called in talk."""
        return self.slots.get(name, {}).get(language, name.replace("_", " "))


def read_world(name: str, beside: Path) -> World:
    """Return a world by the name of a shipped one, or from a YAML file.

    Raises:
        SpecError: there is no such world, or its declaration is wrong.
    """
    if name in SHIPPED:
        with resources.as_file(resources.files("veridical.engines.dialogue") / "worlds") as folder:
            return _read(folder / f"{name}.yaml")
    path = beside / name
    if not path.is_file():
        fix = f"use {', '.join(SHIPPED)} or a YAML file beside the spec"
        raise SpecError(f"there is no world {name!r}", where="recipe.dialogue.world", fix=fix)
    return _read(path)


@lru_cache(maxsize=8)
def _read(path: Path) -> World:
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as wrong:
        raise SpecError(f"not YAML: {wrong}", where=path.name) from wrong
    if not isinstance(value, dict):
        raise SpecError("a world is a mapping of its parts", where=path.name)
    return from_options(World, {**value, "folder": path.parent}, where=path.name)


def _plain(value: Any) -> Any:
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value
