"""How do rules act as a generator among the others?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from veridical import fabricate
from veridical.core.contracts import PrivacyEvent, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError, SpecError, VeridicalError
from veridical.core.schema import Column, ForeignKey, Kind, Schema, TableSchema
from veridical.engines.rules.family import Block, Family
from veridical.engines.rules.writing import schemas
from veridical.fabricate.template import recipe_of
from veridical.spec.marks import Document, load, read
from veridical.spec.rules import read_rules
from veridical.spec.rules_table import FieldSpec, RulesSpec, RuleTable, key_of

_FILE = "rules.json"
_TRIED = 20  # rows


@dataclass(frozen=True, slots=True)
class RulesGenerator:
    """Makes linked tables from declared rules; no data was ever seen. Implements `core.contracts.Generator`.

    Example:
        >>> rules = RulesGenerator.of_text("tables: {people: {fields: {id: sequence, who: person.name}}}")
        >>> rules.sample(SampleRequest(rows=3, seed=1), Shard(0, 1, 0, 3)).only["id"].to_pylist()
        [1, 2, 3]
    """

    spec: RulesSpec

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Return the generator that a YAML file declares.

        Raises:
            SpecError: naming every problem with its line.
        """
        return cls._of_document(read(path))

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Return the generator that a YAML text declares.

        Raises:
            SpecError: naming every problem with its line.
        """
        return cls._of_document(load(text))

    @classmethod
    def _of_document(cls, document: Document) -> Self:
        spec = read_rules(document, kinds=fabricate.KINDS, locales=fabricate.LOCALES, check_pattern=recipe_of)
        _try_formulas(spec, document)
        return cls(spec)

    @property
    def schema(self) -> Schema:
        """Tables, columns and keys."""
        found = schemas(Family(self.spec, 1, self.spec.seed))
        return Schema(
            tables=tuple(_table_schema(table, found[table.name]) for table in self.spec.tables),
            foreign_keys=tuple(_foreign_keys(self.spec)),
        )

    @property
    def spent(self) -> Sequence[PrivacyEvent]:
        """Nothing: no data was looked at."""
        return ()

    def sample(self, request: SampleRequest, shard: Shard) -> Dataset:
        """Return the shard's root rows and all rows below them; other root tables come whole with shard 0.

        Raises:
            SpecError: conditions are asked for, which rules state in their file instead.
        """
        if request.where is not None or request.context is not None or request.balance or request.boost:
            raise SpecError("rules take no conditions", where="where", fix="put constraints: into the rules file")
        family = Family(self.spec, request.rows, request.seed)
        root = family.spec.root.name
        parts: dict[str, list[pa.Table]] = {table.name: [] for table in family.spec.tables}
        for block in family.blocks():
            if block.root == root:
                low, high = max(shard.start, block.start), min(shard.start + shard.rows, block.start + block.rows)
                kept = _cut(family, block, low - block.start, high - block.start) if low < high else {}
            else:
                kept = family.tables(block) if shard.index == 0 else {}
            for name, rows in kept.items():
                parts[name].append(rows)
        empty = schemas(family)
        return Dataset(
            {name: pa.concat_tables(rows) if rows else empty[name].empty_table() for name, rows in parts.items()}
        )

    def save(self, folder: Path) -> None:
        """Write the rules as JSON."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _FILE).write_text(json.dumps(asdict(self.spec), ensure_ascii=False, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the generator that `save` wrote.

        Raises:
            ArtifactError: the file is absent or damaged.
        """
        try:
            content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            return cls(RulesSpec(tables=tuple(_table(entry) for entry in content["tables"]), seed=content["seed"]))
        except (OSError, ValueError, KeyError, TypeError) as wrong:
            raise ArtifactError("the rules cannot be read", where=str(folder / _FILE), fix="save them again") from wrong


def _try_formulas(spec: RulesSpec, document: Document) -> None:
    """Make a few rows: whether a formula's types fit is known only then, and its line is known here."""
    few = replace(spec, tables=tuple(replace(table, rows=min(table.rows, _TRIED)) for table in spec.tables))
    try:
        schemas(Family(few, _TRIED, spec.seed))
    except SpecError as wrong:
        table, _, name = str(wrong.where).partition(".")
        if table not in {known.name for known in spec.tables}:
            return  # told when the rows are made
        line = document.line("tables", table, "fields", name, "expression")
        raise SpecError(wrong.what, where=f"{document.name}:{line} ({wrong.where})", fix=wrong.fix) from wrong
    except VeridicalError:
        return  # of a few rows; told when all are made, if it holds for them


def _cut(family: Family, block: Block, low: int, high: int) -> dict[str, pa.Table]:
    made = family.tables(block)
    spans = {block.root: (low, high)}
    for name, counts in family.counts(block).items():
        ends = np.concatenate([[0], np.cumsum(counts)])
        first, last = spans[str(family.spec.table(name).parent)]
        spans[name] = int(ends[first]), int(ends[last])
    return {name: rows.slice(spans[name][0], spans[name][1] - spans[name][0]) for name, rows in made.items()}


def _table(data: dict[str, Any]) -> RuleTable:
    children = data["children"]
    return RuleTable(
        **{
            **data,
            "fields": tuple(_field(entry) for entry in data["fields"]),
            "children": None if children is None else _field(children),
            "constraints": tuple(data["constraints"]),
        }
    )


def _field(data: dict[str, Any]) -> FieldSpec:
    cases = tuple((str(condition), _field(then)) for condition, then in data["cases"])
    otherwise = None if data["otherwise"] is None else _field(data["otherwise"])
    return FieldSpec(**{**data, "cases": cases, "otherwise": otherwise})


def _table_schema(table: RuleTable, schema: pa.Schema) -> TableSchema:
    key = key_of(table)
    columns = tuple(_column(table.field(entry.name), entry.type, entry.name == key) for entry in schema)
    return TableSchema(name=table.name, columns=columns, primary_key=(key,) if key else ())


def _column(entry: FieldSpec, kind: pa.DataType, key: bool) -> Column:
    personal = entry.type.removeprefix("person.") if entry.type in fabricate.KINDS or "person." in entry.type else None
    meaning = Kind.IDENTIFIER if key else Kind.PERSONAL if personal else _kind(kind)
    return Column(
        name=entry.name,
        kind=meaning,
        storage=str(kind),
        nullable=entry.nulls > 0.0,
        unique=key or entry.unique,
        personal=personal,
        locale=entry.locale,
    )


def _kind(kind: pa.DataType) -> Kind:
    if pa.types.is_boolean(kind):
        return Kind.BOOLEAN
    if pa.types.is_integer(kind):
        return Kind.INTEGER
    if pa.types.is_floating(kind):
        return Kind.DECIMAL
    if pa.types.is_date(kind):
        return Kind.DATE
    return Kind.DATETIME if pa.types.is_timestamp(kind) else Kind.CATEGORY


def _foreign_keys(spec: RulesSpec) -> list[ForeignKey]:
    found = []
    for table in spec.tables:
        for entry in table.fields:
            owner = table.parent if entry.type == "parent" else entry.options.get("table")
            if entry.type not in ("parent", "key") or owner is None:
                continue
            other = spec.table(str(owner))
            column = str(entry.options.get("column", key_of(other)))
            if column == key_of(other):
                found.append(
                    ForeignKey(table=table.name, columns=(entry.name,), parent=other.name, parent_columns=(column,))
                )
    return found
