"""Which tables and typed fields does a rules file declare, and what is wrong with it?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from difflib import get_close_matches
from typing import Any

from veridical.core.errors import SpecError
from veridical.core.expression import parse
from veridical.spec.marks import Document, Place, Problems
from veridical.spec.rules_table import FieldSpec, RulesSpec, RuleTable, field_needs, key_of, parents_first
from veridical.spec.rules_type import COMMON, DISTRIBUTIONS, TYPES, needed_columns, option_problem
from veridical.spec.run import read_count

_PERSON = ("name", "first_name", "last_name", "gender", "email", "username")
_TABLE_KEYS = {"rows", "locale", "parent", "children", "fields", "constraints", "primary_key"}
_FILE_KEYS = {"seed", "locale", "tables"}


def read_rules(
    document: Document,
    *,
    kinds: Collection[str],
    locales: Collection[str],
    check_pattern: Callable[[str], object] = str,
) -> RulesSpec:
    """Return what a rules file declares.

    `kinds` and `locales` are those that can be made up; `check_pattern` raises `SpecError` for a bad pattern.

    Raises:
        SpecError: naming every problem with its line.

    Example:
        >>> from veridical.spec.marks import load
        >>> text = "tables: {people: {fields: {id: sequence, age: {type: integer, low: 0, high: 99}}}}"
        >>> read_rules(load(text), kinds=("name",), locales=("en_US",)).root.names
        ('id', 'age')
    """
    problems = Problems(document)
    reader = _Reader(problems, frozenset(kinds), frozenset(locales), check_pattern)
    spec = reader.read(document.value)
    problems.check()
    if spec is None:
        raise SpecError("no tables", where=document.name, fix="declare at least one under tables:")
    return spec


class _Reader:
    """Walks the document once; problems are noted, not raised."""

    def __init__(
        self,
        problems: Problems,
        kinds: frozenset[str],
        locales: frozenset[str],
        check_pattern: Callable[[str], object],
    ) -> None:
        self.check_pattern = check_pattern
        self.problems = problems
        self.kinds = kinds
        self.locales = locales

    def read(self, value: Any) -> RulesSpec | None:
        if not isinstance(value, dict) or not isinstance(value.get("tables"), dict) or not value["tables"]:
            self.problems.add("no tables", fix="declare at least one under tables:")
            return None
        self._unknown(value, _FILE_KEYS, ())
        locale = self._locale(value.get("locale"), ("locale",))
        seed = value.get("seed", 0)
        if not isinstance(seed, int) or isinstance(seed, bool):
            self.problems.add("seed must be a whole number", "seed")
            seed = 0
        tables = {
            str(name): self._table(str(name), content, locale, ("tables", name))
            for name, content in value["tables"].items()
        }
        self._check_links(tables)
        if self.problems.found:
            return None
        return RulesSpec(tables=tuple(parents_first(tables)), seed=seed)

    def _table(self, name: str, value: Any, locale: str | None, place: Place) -> RuleTable:
        if not isinstance(value, dict) or not isinstance(value.get("fields"), dict) or not value["fields"]:
            self.problems.add(f"table {name!r} has no fields", *place, fix="list them under fields:")
            return RuleTable(name=name, fields=())
        self._unknown(value, _TABLE_KEYS, place)
        own_locale = self._locale(value.get("locale"), (*place, "locale")) or locale
        fields = tuple(
            self._field(str(key), entry, own_locale, (*place, "fields", key)) for key, entry in value["fields"].items()
        )
        parent = value.get("parent")
        children = None
        if parent is not None:
            children = self._children(value.get("children", 1), (*place, "children"))
        elif "children" in value:
            self.problems.add("children without a parent", *place, "children", fix="name the parent: table")
        key = value.get("primary_key")
        if key is not None and key not in value["fields"]:
            self.problems.add(f"primary_key {key!r} is no field", *place, "primary_key")
        return RuleTable(
            name=name,
            fields=fields,
            rows=self._rows(value.get("rows", 1000), (*place, "rows")),
            parent=None if parent is None else str(parent),
            children=children,
            constraints=tuple(str(rule) for rule in value.get("constraints") or ()),
            primary_key=None if key is None else str(key),
        )

    def _field(self, name: str, value: Any, locale: str | None, place: Place) -> FieldSpec:
        entry = {"type": value} if isinstance(value, str) else value
        if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
            self.problems.add(f"field {name!r} has no type", *place, fix="write type: name, integer, choice ...")
            return FieldSpec(name=name, type="constant", options={"value": None})
        kind = self._type(entry["type"], place)
        made_up = kind in self.kinds or kind.startswith("person.")
        needed, optional = TYPES.get(kind, ((), ("pattern",) if made_up else ()))
        for option in entry:
            if kind and option not in {"type", *COMMON, *needed, *optional}:
                near = get_close_matches(str(option), [*COMMON, *needed, *optional], 1)
                self.problems.add(f"{kind} has no option {option!r}", *place, option, fix=_perhaps(near))
        for option in needed:
            if option not in entry:
                self.problems.add(f"{kind} needs {option}", *place, fix=f"add {option}:")
        options = {key: entry[key] for key in entry if key not in {"type", *COMMON, "cases", "otherwise"}}
        self._check_options(kind, options, place)
        if isinstance(entry.get("days"), dict):
            self._field("days", entry["days"], locale, (*place, "days"))
        if entry.get("unique") is True and kind in TYPES and kind not in ("pattern", "integer", "sequence"):
            fix = "use it with made-up kinds, patterns, integers"
            self.problems.add(f"{kind} cannot be made unique", *place, "unique", fix=fix)
        cases, otherwise = self._cases(name, entry, locale, place) if kind == "case" else ((), None)
        return FieldSpec(
            name=name,
            type=kind or "constant",
            options=options,
            nulls=self._share(entry.get("nulls", 0.0), (*place, "nulls")),
            unique=self._flag(entry.get("unique", False), (*place, "unique")),
            locale=self._locale(entry.get("locale"), (*place, "locale")) or locale,
            cases=cases,
            otherwise=otherwise,
        )

    def _type(self, kind: str, place: Place) -> str:
        person = {f"person.{part}" for part in _PERSON}
        if kind in TYPES or kind in self.kinds or kind in person:
            return kind
        near = get_close_matches(kind, [*TYPES, *self.kinds, *person], 1)
        self.problems.add(f"no type is called {kind!r}", *place, "type", fix=_perhaps(near) or "see docs/rules.md")
        return ""

    def _cases(
        self, name: str, entry: Mapping[str, Any], locale: str | None, place: Place
    ) -> tuple[tuple[tuple[str, FieldSpec], ...], FieldSpec | None]:
        listed = entry.get("cases")
        if not isinstance(listed, list) or not listed:
            self.problems.add("cases is no list of when: and then:", *place, "cases")
            return (), None
        cases = []
        for i, case in enumerate(listed):
            here = (*place, "cases", i)
            if not isinstance(case, dict) or set(case) != {"when", "then"}:
                self.problems.add("a case has when: and then:, nothing else", *here)
                continue
            cases.append((str(case["when"]), self._value(name, case["then"], locale, (*here, "then"))))
        if "otherwise" not in entry:
            return tuple(cases), None
        return tuple(cases), self._value(name, entry["otherwise"], locale, (*place, "otherwise"))

    def _value(self, name: str, value: Any, locale: str | None, place: Place) -> FieldSpec:
        if isinstance(value, dict):
            return self._field(name, value, locale, place)
        return FieldSpec(name=name, type="constant", options={"value": value})

    def _children(self, value: Any, place: Place) -> FieldSpec | None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            if value < 0 or value != int(value):
                self.problems.add("children is no whole number of 0 or more", *place)
            return FieldSpec(name="children", type="constant", options={"value": int(value)})
        made = self._field("children", value, None, place)
        if made.type not in {*DISTRIBUTIONS, "integer", "choice", "constant"}:
            self.problems.add(f"children cannot be of type {made.type}", *place, fix="use poisson, integer, choice ...")
        return made

    def _check_options(self, kind: str, options: Mapping[str, Any], place: Place) -> None:
        for option, value in options.items():
            wrong = option_problem(kind, option, value)
            if wrong:
                self.problems.add(f"{kind}: {wrong}", *place, option)
        if isinstance(options.get("pattern"), str):
            try:
                self.check_pattern(str(options["pattern"]))
            except SpecError as wrong:
                self.problems.add(wrong.what, *place, "pattern", fix=wrong.fix)
        low, high = options.get("low"), options.get("high")
        if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
            self.problems.add(f"low {low} is above high {high}", *place, "low", fix="swap them")
        start, end = options.get("start"), options.get("end")
        if kind in ("date", "datetime") and isinstance(start, str) and isinstance(end, str) and start > end:
            self.problems.add(f"start {start} is after end {end}", *place, "start", fix="swap them")

    def _check_links(self, tables: Mapping[str, RuleTable]) -> None:
        for table in tables.values():
            place = ("tables", table.name)
            if table.parent is not None and table.parent not in tables:
                near = get_close_matches(table.parent, tables, 1)
                self.problems.add(f"no table {table.parent!r}", *place, "parent", fix=_perhaps(near))
            elif _in_circle(table, tables):
                self.problems.add("the tables own each other in a circle", *place, "parent")
            else:
                self._check_columns(table, tables)
        ordered = {table.name for table in parents_first(tables)}
        if not self.problems.found and len(ordered) < len(tables):
            left = [name for name in tables if name not in ordered]
            self.problems.add(f"tables need each other in a circle: {', '.join(left)}", "tables", left[0])

    def _check_columns(self, table: RuleTable, tables: Mapping[str, RuleTable]) -> None:
        known = [*table.names, *(f"{table.parent}.{name}" for name in _names(tables, table.parent))]
        for entry in table.fields:
            place = ("tables", table.name, "fields", entry.name)
            if entry.type in ("key", "parent"):
                self._check_reference(entry, table, tables, place)
            if entry.type == "lookup":
                self._check_lookup(entry, table, tables, place)
            for condition, _ in entry.cases:
                self._expression(condition, known, (*place, "cases"))
            if entry.type == "formula" and isinstance(entry.options.get("expression"), str | int | float):
                self._expression(str(entry.options["expression"]), known, (*place, "expression"))
            for name in needed_columns(entry.type, entry.options):
                if name not in known:
                    self.problems.add(f"no field {name!r}", *place, fix=_perhaps(get_close_matches(name, known, 1)))
        for i, rule in enumerate(table.constraints):
            self._expression(rule, known, ("tables", table.name, "constraints", i))
        circle = _circle(table)
        if circle:
            self.problems.add(
                f"fields need each other in a circle: {' -> '.join(circle)}",
                *("tables", table.name, "fields", circle[0]),
            )

    def _check_reference(
        self, entry: FieldSpec, table: RuleTable, tables: Mapping[str, RuleTable], place: Place
    ) -> None:
        name = table.parent if entry.type == "parent" else entry.options.get("table")
        if entry.type == "parent" and name is None:
            self.problems.add("this table has no parent", *place, fix="add parent: to the table")
            return
        if name not in tables:
            self.problems.add(
                f"no table {name!r}", *place, "table", fix=_perhaps(get_close_matches(str(name), tables, 1))
            )
            return
        other = tables[str(name)]
        if entry.type == "key" and (other.parent is not None or other.name == table.name):
            self.problems.add("a key refers to another table without a parent", *place, "table")
        column = entry.options.get("column", key_of(other))
        if column not in other.names:
            near = get_close_matches(str(column), other.names, 1)
            self.problems.add(f"table {name!r} has no field {column!r}", *place, "column", fix=_perhaps(near))

    def _check_lookup(self, entry: FieldSpec, table: RuleTable, tables: Mapping[str, RuleTable], place: Place) -> None:
        through = entry.options.get("through")
        if through not in table.names or table.field(str(through)).type != "key":
            self.problems.add(f"through: {through!r} is no field of type key", *place, "through")
            return
        other = str(table.field(str(through)).options.get("table"))
        if entry.options.get("column") not in _names(tables, other):
            self.problems.add(f"table {other!r} has no field {entry.options.get('column')!r}", *place, "column")

    def _expression(self, text: str, known: Collection[str], place: Place) -> None:
        try:
            parse(text, known)
        except SpecError as wrong:
            self.problems.add(f"{wrong.where}: {wrong.what}" if wrong.where else wrong.what, *place, fix=wrong.fix)

    def _unknown(self, value: Mapping[Any, Any], known: Collection[str], place: Place) -> None:
        for key in value:
            if key not in known:
                near = get_close_matches(str(key), known, 1)
                self.problems.add(f"{key!r} means nothing here", *place, key, fix=_perhaps(near))

    def _locale(self, value: Any, place: Place) -> str | None:
        if value is not None and value not in self.locales:
            self.problems.add(f"no locale {value!r}", *place, fix=f"use one of {', '.join(sorted(self.locales))}")
            return None
        return None if value is None else str(value)

    def _rows(self, value: Any, place: Place) -> int:
        try:
            return read_count(value)
        except (SpecError, ValueError, TypeError):
            self.problems.add("rows is no whole number of 1 or more", *place)
            return 1

    def _share(self, value: Any, place: Place) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
            self.problems.add("nulls is a share from 0 to 1", *place)
            return 0.0
        return float(value)

    def _flag(self, value: Any, place: Place) -> bool:
        if not isinstance(value, bool):
            self.problems.add("unique is true or false", *place)
        return bool(value)


def _names(tables: Mapping[str, RuleTable], name: str | None) -> tuple[str, ...]:
    return tables[name].names if name is not None and name in tables else ()


def _in_circle(table: RuleTable, tables: Mapping[str, RuleTable]) -> bool:
    seen: list[str] = []
    here: RuleTable | None = table
    while here is not None:
        if here.name in seen:
            return True
        seen.append(here.name)
        here = tables.get(here.parent) if here.parent is not None else None
    return False


def _circle(table: RuleTable) -> list[str]:
    needs = {entry.name: field_needs(entry, table.names) for entry in table.fields}
    done: set[str] = set()
    while True:
        ready = [name for name in needs if name not in done and needs[name] <= done]
        if not ready:
            return [name for name in needs if name not in done]
        done |= set(ready)


def _perhaps(near: Collection[str]) -> str | None:
    return f"did you mean {next(iter(near))!r}?" if near else None
