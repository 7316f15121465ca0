"""Which fields may a schema hold, and does each hold what it should?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from difflib import get_close_matches
from typing import Any

from veridical.core.schema import Column, Constraint, ForeignKey, Kind, Role, Schema, TableSchema
from veridical.spec.marks import Document, Place, Problems

_CONSTRAINTS: Mapping[str, tuple[str, ...]] = {
    "bounds": ("columns",), "inequality": ("columns",), "fixed_combinations": ("columns",), "one_hot": ("columns",),
    "unique": ("columns",), "formula": ("columns", "expression"), "conditional": ("when", "then"),
    "forbidden": ("when",), "mutual_missing": ("columns",),
    "total": ("columns", "expression"), "at_most_one": ("columns",),
}  # fmt: skip
_LEAST_COLUMNS = {"inequality": 2, "fixed_combinations": 2, "one_hot": 2, "mutual_missing": 2}
_RESOLUTIONS = ("year", "month", "day", "hour", "minute", "s", "ms", "us", "ns")


def schema_from(document: Document, problems: Problems, law: Schema | None = None) -> Schema | None:
    """Return the schema of a document; what is wrong is added to `problems`, and None is returned.

    With a `law` the document only adds to it: rules may name columns and parents that stand there.
    """
    reader = _Reader(document, problems, law)
    top = document.value
    if not isinstance(top, dict):
        problems.add("a schema is a mapping with `tables`", fix="begin with `tables:`")
        return None
    reader.known(top, ("tables", "foreign_keys", "rare_below", "notes"), ())
    tables = [reader.table(item, ("tables", i)) for i, item in enumerate(reader.items(top, "tables", ()))]
    if not tables:
        problems.add("there is no table", fix="list at least one under `tables:`")
    keys = [
        reader.foreign_key(item, ("foreign_keys", i)) for i, item in enumerate(reader.items(top, "foreign_keys", ()))
    ]
    rare_below = reader.number(top, "rare_below", (), default=5, least=1)
    notes = reader.texts(top, "notes", ())
    reader.links([t for t in tables if t is not None], [k for k in keys if k is not None])
    if problems.found:
        return None
    return Schema(
        tables=tuple(t for t in tables if t is not None),
        foreign_keys=tuple(k for k in keys if k is not None),
        rare_below=int(rare_below or 5),
        notes=notes or (),
    )


class _Reader:
    """Takes parts of a document apart, and remembers every mistake with its place."""

    def __init__(self, document: Document, problems: Problems, law: Schema | None = None) -> None:
        self.document = document
        self.problems = problems
        self.law = law
        self.declared = {} if law is None else {table.name: set(table.names) for table in law.tables}

    def table(self, item: Any, place: Place) -> TableSchema | None:
        """Read one table, its columns and its rules."""
        if not self.mapping(item, place, "a table"):
            return None
        self.known(item, [f.name for f in fields(TableSchema)], place)
        name = self.text(item, "name", place, required=True)
        columns = [
            self.column(part, (*place, "columns", i)) for i, part in enumerate(self.items(item, "columns", place))
        ]
        rules = [
            self.rule(part, (*place, "constraints", i)) for i, part in enumerate(self.items(item, "constraints", place))
        ]
        good = [column for column in columns if column is not None]
        if not columns and self.law is None:
            self.problems.add("the table has no column", *place, fix="list them under `columns:`")
        self._doubled([column.name for column in good], (*place, "columns"))
        values = {
            "primary_key": self.texts(item, "primary_key", place) or (),
            "protected": self.texts(item, "protected", place) or (),
            "target": self.text(item, "target", place),
            "unit": self.text(item, "unit", place),
            "order_by": self.text(item, "order_by", place),
            "series": self.texts(item, "series", place),
        }
        every = {column.name for column in good} | self.declared.get(name or "", set())
        if len(good) == len(columns):
            for key, held in values.items():
                for column in (held,) if isinstance(held, str) else held or ():
                    self.exists(column, every, (*place, key))
            for i, rule in enumerate(rules):
                for column in rule.columns if rule is not None else ():
                    if "." not in column:  # a parent's column is looked for once all tables are read
                        self.exists(column, every, (*place, "constraints", i))
        if self.problems.found or name is None:
            return None
        kept = tuple(rule for rule in rules if rule is not None)
        return TableSchema(name=name, columns=tuple(good), constraints=kept, **values)  # type: ignore[arg-type]

    def column(self, item: Any, place: Place) -> Column | None:
        """Read one column."""
        if not self.mapping(item, place, "a column"):
            return None
        before = len(self.problems.found)
        values = self.plain(Column, item, place, special=("kind", "role", "low", "high", "categories", "resolution"))
        values["kind"] = self.choice(item, "kind", place, [kind.value for kind in Kind], required=True)
        values["role"] = self.choice(item, "role", place, [role.value for role in Role]) or Role.MODEL.value
        values["resolution"] = self.choice(item, "resolution", place, _RESOLUTIONS)
        values["low"], values["high"] = self.bound(item, "low", place), self.bound(item, "high", place)
        values["categories"] = self.texts(item, "categories", place)
        low, high = values["low"], values["high"]
        comparable = isinstance(low, str) == isinstance(high, str) and low is not None and high is not None
        if comparable and low > high:
            self.problems.add(f"low is above high in {item.get('name')!r}", *place, "low", fix="swap or widen them")
        if values["categories"] is not None:
            self._doubled(list(values["categories"]), (*place, "categories"), what="category")
        if isinstance(values.get("decimals"), int) and values["decimals"] < 0:
            self.problems.add("decimals is negative", *place, "decimals", fix="give 0 or more")
        if len(self.problems.found) > before:
            return None
        values["kind"], values["role"] = Kind(values["kind"]), Role(values["role"])
        return Column(**values)

    def rule(self, item: Any, place: Place) -> Constraint | None:
        """Read one constraint."""
        if not self.mapping(item, place, "a constraint"):
            return None
        before = len(self.problems.found)
        values = self.plain(Constraint, item, place, special=("type", "columns", "low", "high"))
        values["type"] = self.choice(item, "type", place, list(_CONSTRAINTS), required=True)
        values["columns"] = self.texts(item, "columns", place) or ()
        values["low"], values["high"] = self.bound(item, "low", place), self.bound(item, "high", place)
        for needed in _CONSTRAINTS.get(values["type"] or "", ()):
            if not values.get(needed):
                self.problems.add(f"a {values['type']} rule needs `{needed}`", *place, fix=f"add `{needed}:`")
        least = _LEAST_COLUMNS.get(values["type"] or "", 1)
        if values["columns"] and len(values["columns"]) < least:
            self.problems.add(f"a {values['type']} rule needs {least} columns or more", *place, "columns")
        return Constraint(**values) if len(self.problems.found) == before else None

    def foreign_key(self, item: Any, place: Place) -> ForeignKey | None:
        """Read one link."""
        if not self.mapping(item, place, "a foreign key"):
            return None
        before = len(self.problems.found)
        values = self.plain(ForeignKey, item, place, special=("columns", "parent_columns"))
        for key in ("columns", "parent_columns"):
            values[key] = self.texts(item, key, place) or ()
            if not values[key]:
                self.problems.add(f"a foreign key needs `{key}`", *place, fix=f"add `{key}:`")
        if len(values["columns"]) != len(values["parent_columns"]):
            self.problems.add("columns and parent_columns differ in number", *place, fix="pair them one to one")
        return ForeignKey(**values) if len(self.problems.found) == before else None

    def links(self, tables: list[TableSchema], keys: list[ForeignKey]) -> None:
        """Check that what foreign keys name is there."""
        if self.problems.found:
            return
        self._doubled([table.name for table in tables], ("tables",), what="table")
        known = {**self.declared}
        for one in tables:
            known[one.name] = known.get(one.name, set()) | set(one.names)
        links = [*keys, *(() if self.law is None else self.law.foreign_keys)]
        for place, own in enumerate(tables):
            mine = [key for key in links if key.table == own.name]
            said = [(word, key.parent) for key in mine for word in (key.parent, key.columns[0])]
            reached = known[own.name].union(f"{word}.{name}" for word, up in said for name in known.get(up, ()))
            for i, rule in enumerate(own.constraints):
                for column in rule.columns:
                    if "." in column:
                        self.exists(column, reached, ("tables", place, "constraints", i))
        for i, key in enumerate(keys):
            for table, columns in ((key.table, key.columns), (key.parent, key.parent_columns)):
                if table not in known:
                    self.problems.add(f"no table {table!r}", "foreign_keys", i, fix=_closest(table, known))
                    continue
                for column in columns:
                    self.exists(column, known[table], ("foreign_keys", i))

    def plain(self, cls: type[Any], item: dict[str, Any], place: Place, *, special: tuple[str, ...]) -> dict[str, Any]:
        """Read the fields that hold one text, number or truth value."""
        self.known(item, [f.name for f in fields(cls)], place)
        readers: dict[str, Callable[..., Any]] = {
            "bool": self.truth,
            "int": self.number,
            "float": self.number,
            "str": self.text,
        }
        values: dict[str, Any] = {}
        for field in fields(cls):
            if field.name in special:
                continue
            read = readers[str(field.type).split(" ")[0]]
            if field.name in item:
                values[field.name] = read(item, field.name, place)
                if str(field.type).startswith("int") and isinstance(values[field.name], float):
                    values[field.name] = int(values[field.name])
            elif field.default is MISSING:
                self.problems.add(f"`{field.name}` is missing", *place, fix=f"add `{field.name}:`")
        return {key: held for key, held in values.items() if held is not None}

    def mapping(self, item: Any, place: Place, what: str) -> bool:
        """Return whether the part is a mapping."""
        if not isinstance(item, dict):
            self.problems.add(f"{what} is a mapping of fields", *place, fix="write `- name: ...`")
        return isinstance(item, dict)

    def known(self, item: dict[str, Any], names: Any, place: Place) -> None:
        """Remember fields that are not known."""
        for key in item:
            if key not in names:
                self.problems.add(f"unknown field {key!r}", *place, key, fix=_closest(key, names))

    def items(self, item: dict[str, Any], key: str, place: Place) -> list[Any]:
        """Read a list of parts."""
        held = item.get(key)
        if held is None:
            return []
        if not isinstance(held, list):
            self.problems.add(f"`{key}` is a list", *place, key, fix="begin each part with `- `")
            return []
        return held

    def text(self, item: dict[str, Any], key: str, place: Place, *, required: bool = False) -> str | None:
        """Read one text; numbers are taken as they are written."""
        held = item.get(key)
        if held is None or isinstance(held, dict | list):
            if required or held is not None:
                self.problems.add(f"`{key}` must be text", *place, key, fix=f"write `{key}: some_name`")
            return None
        return self.document.written.get((*place, key), str(held))

    def texts(self, item: dict[str, Any], key: str, place: Place) -> tuple[str, ...] | None:
        """Read a list of texts as they are written (so that `no`, `1.0` and `007` stay what they are)."""
        held = item.get(key)
        if held is None:
            return None
        if not isinstance(held, list) or any(isinstance(part, dict | list) for part in held):
            self.problems.add(f"`{key}` is a list of texts", *place, key, fix=f"write `{key}: [a, b]`")
            return None
        return tuple(self.document.written.get((*place, key, i), str(part)) for i, part in enumerate(held))

    def number(
        self, item: dict[str, Any], key: str, place: Place, *, default: float | None = None, least: float | None = None
    ) -> float | None:
        """Read one number."""
        held = item.get(key, default)
        if held is None:
            return None
        if isinstance(held, bool) or not isinstance(held, int | float):
            self.problems.add(f"`{key}` must be a number", *place, key, fix=f"write `{key}: 5`")
            return None
        if least is not None and held < least:
            self.problems.add(f"`{key}` is below {least:g}", *place, key, fix=f"give {least:g} or more")
        return held

    def truth(self, item: dict[str, Any], key: str, place: Place) -> bool | None:
        """Read true or false."""
        held = item.get(key)
        if not isinstance(held, bool):
            self.problems.add(f"`{key}` must be true or false", *place, key, fix=f"write `{key}: true`")
            return None
        return held

    def choice(self, item: dict[str, Any], key: str, place: Place, known: Any, *, required: bool = False) -> str | None:
        """Read one of several words."""
        held = item.get(key)
        if held is None and not required:
            return None
        if held not in known:
            what = f"`{key}` is missing" if held is None else f"unknown {key} {str(held)!r}"
            self.problems.add(what, *place, key, fix=_closest(str(held), known))
            return None
        return str(held)

    def bound(self, item: dict[str, Any], key: str, place: Place) -> float | str | None:
        """Read a bound: a number, or ISO text for a time."""
        held = item.get(key)
        if held is None or (isinstance(held, int | float | str) and not isinstance(held, bool)):
            return held
        self.problems.add(f"`{key}` must be a number or a date", *place, key, fix=f"write `{key}: 0`")
        return None

    def exists(self, column: str, known: set[str], place: Place) -> None:
        """Remember a column that is named and not there."""
        if column not in known:
            self.problems.add(f"no column {column!r}", *place, fix=_closest(column, known))

    def _doubled(self, names: list[str], place: Place, *, what: str = "column") -> None:
        seen: set[str] = set()
        for index, name in enumerate(names):
            if name in seen:
                self.problems.add(f"{what} {name!r} is listed twice", *place, index, fix="keep one")
            seen.add(name)


def _closest(word: str, known: Any) -> str:
    close = get_close_matches(word, [str(name) for name in known], n=1)
    return f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(map(str, list(known)[:12]))}"
