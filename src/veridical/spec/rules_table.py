"""What is a table of rules, and which parts of it need which?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from veridical.core.errors import SpecError
from veridical.core.expression import parse
from veridical.spec.rules_type import needed_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One column: its type, the type's options, and what every type can have."""

    name: str
    type: str
    options: Mapping[str, Any] = field(default_factory=dict)
    nulls: float = 0.0
    unique: bool = False
    locale: str | None = None
    cases: tuple[tuple[str, FieldSpec], ...] = ()  # (condition, what then)
    otherwise: FieldSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTable:
    """One table; `parent` rows own its rows, `children` says how many each."""

    name: str
    fields: tuple[FieldSpec, ...]
    rows: int = 1000
    parent: str | None = None
    children: FieldSpec | None = None
    constraints: tuple[str, ...] = ()
    primary_key: str | None = None

    def field(self, name: str) -> FieldSpec:
        """Return one field by its name."""
        return next(entry for entry in self.fields if entry.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields in order."""
        return tuple(entry.name for entry in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesSpec:
    """All tables, parents before their children."""

    tables: tuple[RuleTable, ...]
    seed: int = 0

    def table(self, name: str) -> RuleTable:
        """Return one table by its name."""
        return next(table for table in self.tables if table.name == name)

    @property
    def root(self) -> RuleTable:
        """The table `--rows` speaks of: the first that owns others and has no owner, else the first of all."""
        owners = {table.parent for table in self.tables}
        free = [table for table in self.tables if table.parent is None]
        return next((table for table in free if table.name in owners), free[0])


def key_of(table: RuleTable) -> str:
    """Return the field that identifies a row: the declared key, else the first sequence, uuid or unique field."""
    if table.primary_key is not None:
        return table.primary_key
    found = [f.name for f in table.fields if (f.type in ("sequence", "uuid") and "within" not in f.options) or f.unique]
    return found[0] if found else (table.names[0] if table.fields else "")


def field_needs(entry: FieldSpec, names: Collection[str]) -> set[str]:
    """Return the fields of the same table that a field is computed from."""
    needs = {name for name in needed_columns(entry.type, entry.options) if name in names}
    texts = [condition for condition, _ in entry.cases]
    if entry.type == "formula":
        texts.append(str(entry.options.get("expression", "")))
    for text in texts:
        try:
            needs |= {name for name in parse(text, _allow_all(text, names)).columns if name in names}
        except SpecError:
            continue  # noted where expressions are checked
    for inner in [*(then for _, then in entry.cases), entry.otherwise]:
        if inner is not None:
            needs |= field_needs(inner, names) - {entry.name}
    return needs


def _allow_all(text: str, names: Collection[str]) -> list[str]:
    return [*names, *re.findall(r"[^\W\d]\w*\.[^\W\d]\w*", text)]


def parents_first(tables: Mapping[str, RuleTable]) -> Iterator[RuleTable]:
    """Yield each table after those it needs; tables that need each other in a circle are left out."""
    done: set[str] = set()
    while len(done) < len(tables):
        ready = [t for t in tables.values() if t.name not in done and _needs(t) <= done]
        for table in ready:
            done.add(table.name)
            yield table
        if not ready:  # noted as a circle
            return


def _needs(table: RuleTable) -> set[str]:
    keys = {str(entry.options.get("table")) for entry in table.fields if entry.type == "key"}
    return keys | ({table.parent} if table.parent is not None else set())
