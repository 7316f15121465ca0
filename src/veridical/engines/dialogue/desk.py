"""What happens when an agent uses a tool, was it allowed, and what does the database look like afterwards?"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from veridical.core import digest
from veridical.engines.dialogue.world import Policy, World


@dataclass(frozen=True, slots=True)
class Used:
    """One use of a tool: what it was given, what it answered, and which rules it broke."""

    tool: str
    arguments: Mapping[str, str]
    result: Mapping[str, Any]
    broken: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the tool answered with an error."""
        return "error" in self.result


@dataclass
class Desk:
    """A copy of the world's database, and everything that was done to it."""

    world: World
    log: list[Used] = field(default_factory=list)
    confirmed: bool = False  # whether the customer said yes to what the agent announced last

    def __post_init__(self) -> None:
        self._database = self.world.opened()
        self._caller: dict[str, str] = {}

    def use(self, tool: str, arguments: Mapping[str, Any]) -> Used:
        """Use a tool; what is wrong with the call is its answer, never an exception."""
        given = {str(name): str(value) for name, value in arguments.items()}
        broken = self._broken(tool, given)
        used = Used(tool, given, self._result(tool, given), broken)
        self.log.append(used)
        if not used.failed:
            if self.world.tools[tool].statements:
                self.confirmed = False  # a yes is good for one change
            if tool == self.world.caller.get("tool"):
                self._caller[self.world.caller["as"]] = given.get(self.world.caller["parameter"], "")
        return used

    def state(self) -> str:
        """Return the SHA-256 of every table's rows, in no particular order."""
        tables = [row[0] for row in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = {
            name: sorted(json.dumps([*row], default=str) for row in self._database.execute(f'SELECT * FROM "{name}"'))
            for name in sorted(tables)
        }
        return digest.of_json(rows)

    @property
    def broken(self) -> list[str]:
        """The rules that were broken, in order."""
        return [name for used in self.log for name in used.broken]

    def close(self) -> None:
        """Close the copy."""
        self._database.close()

    def _result(self, name: str, given: Mapping[str, str]) -> dict[str, Any]:
        tool = self.world.tools.get(name)
        if tool is None:
            return {"error": f"there is no tool {name}"}
        missing = [key for key in tool.parameters if key not in given]
        unknown = [key for key in given if key not in tool.parameters]
        if missing or unknown:
            return {"error": f"{name} takes {', '.join(tool.parameters)}"}
        try:
            for need in tool.needs:
                if self._database.execute(need.query, given).fetchone() is None:
                    return {"error": need.why}
            with self._database:
                for statement in tool.statements:
                    self._database.execute(statement, given)
            rows = [dict(row) for row in self._database.execute(tool.query, given)]
        except sqlite3.Error as wrong:
            return {"error": f"the database refused ({type(wrong).__name__})"}
        if not rows:
            return {"error": tool.missing}
        return rows[0] if len(rows) == 1 else {"rows": rows}

    def _broken(self, tool: str, given: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(rule.name for rule in self.world.policies if tool in rule.tools and self._breaks(rule, given))

    def _breaks(self, rule: Policy, given: Mapping[str, str]) -> bool:
        if rule.after and not any(used.tool == rule.after and not used.failed for used in self.log):
            return True
        if rule.confirmed and not self.confirmed:
            return True
        values = {self.world.caller.get("as", ""): "", **given, **self._caller}
        try:
            if rule.unless and self._database.execute(rule.unless, values).fetchone() is not None:
                return False
            return bool(rule.query) and self._database.execute(rule.query, values).fetchone() is None
        except sqlite3.Error:
            return True  # a call that lacks what the rule asks about
