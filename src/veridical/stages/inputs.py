"""Can these tables be compared at all, and on which columns?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.contracts import Evidence
from veridical.core.dataset import Dataset
from veridical.core.errors import DataError
from veridical.core.finding import Direction, Finding, not_measured
from veridical.core.schema import CATEGORY_KINDS, Kind, Schema, TableSchema
from veridical.stages.overlap import holdout_overlap, leaked_identifiers, row_keys, same_rows

MIN_ROWS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Evidence on the columns that all tables share, and what was found on the way there."""

    evidence: Evidence
    findings: tuple[Finding, ...]


def compare_inputs(evidence: Evidence) -> Inputs:
    """Return the evidence brought to the same columns and types, with a finding for everything amiss.

    Columns that are absent on a side, cannot be read in train's type, or are all null in train are left
    out of what follows; each is a finding, never a silence.

    Raises:
        DataError: a table is empty, or no column is left to compare.
    """
    train = evidence.train.only
    others = {"synthetic": evidence.synthetic.only}
    if evidence.holdout is not None:
        others["holdout"] = evidence.holdout.only
    for name, table in {"train": train, **others}.items():
        if table.num_rows == 0:
            raise DataError("the table has no rows", where=name, fix="give data to judge")
    findings = [_schema_finding(train, others)]
    shared = [name for name in train.column_names if all(name in table.column_names for table in others.values())]
    aligned, unreadable = _aligned(train.select(shared), others)
    findings.append(_types_finding(unreadable, train.num_rows))
    empty = [name for name in shared if name not in unreadable and train[name].null_count == train.num_rows]
    kept = [name for name in shared if name not in unreadable and name not in empty]
    if not kept:
        raise DataError(
            "no column can be compared", where="synthetic", fix="give tables with the same column names and types"
        )
    tables = {name: table.select(kept) for name, table in {"train": train, **aligned}.items()}
    findings += [_empty_finding(tables, empty), _rows_finding(tables, evidence.schema)]
    narrowed = _narrowed(evidence.schema, kept)
    table_schema, target_finding = _with_usable_target(narrowed.only, tables, named=evidence.schema.only.target)
    findings.append(target_finding)
    findings += [_unseen_finding(table_schema, tables), *_overlap_findings(table_schema, tables)]
    findings += _identifier_findings(table_schema, tables)
    return Inputs(evidence=_evidence(evidence, tables, table_schema), findings=tuple(findings))


def _evidence(evidence: Evidence, tables: dict[str, pa.Table], schema: TableSchema) -> Evidence:
    name = evidence.train.name
    return Evidence(
        train=Dataset.of(tables["train"], name),
        synthetic=Dataset.of(tables["synthetic"], name),
        holdout=Dataset.of(tables["holdout"], name) if "holdout" in tables else None,
        schema=replace(evidence.schema, tables=(replace(schema, name=name),)),
    )


def _schema_finding(train: pa.Table, others: dict[str, pa.Table]) -> Finding:
    missing = {
        (side, name) for side, table in others.items() for name in set(train.column_names) - set(table.column_names)
    }
    extra = {
        (side, name) for side, table in others.items() for name in set(table.column_names) - set(train.column_names)
    }
    words = [f"{side} lacks {name}" for side, name in sorted(missing)]
    words += [f"{side} has {name}, which train lacks" for side, name in sorted(extra)]
    return _count("input.schema", len(words), train.num_rows, "The tables hold the same columns.", words)


def _types_finding(unreadable: Sequence[str], rows: int) -> Finding:
    words = [f"{name} cannot be read in train's type" for name in unreadable]
    return _count("input.types", len(words), rows, "Every column can be read in the type it has in train.", words)


def _empty_finding(tables: dict[str, pa.Table], empty: Sequence[str]) -> Finding:
    only_synthetic = [
        name
        for name in tables["train"].column_names
        if tables["synthetic"][name].null_count == tables["synthetic"].num_rows
    ]
    words = [f"{name} is all null in synthetic and not in train" for name in only_synthetic]
    good = "No column lost all its values."
    if empty:
        good = f"No column lost all its values; all null in train, so left out: {', '.join(empty)}."
    return _count("input.empty_columns", len(words), tables["synthetic"].num_rows, good, words)


def _rows_finding(tables: dict[str, pa.Table], schema: Schema) -> Finding:
    side, table = min(tables.items(), key=lambda item: item[1].num_rows)
    if table.num_rows < MIN_ROWS:
        short = f"{side} has {table.num_rows} rows, and {MIN_ROWS} are needed"
        if len(schema.tables) == 1 and schema.only.series == ():
            # At most half of one series is kept back, and rows next to the learned ones do not count.
            short += f"; a single series has these from about {3 * MIN_ROWS} steps on"
        return not_measured("input.rows", short, n=table.num_rows)
    sizes = ", ".join(f"{name} {table.num_rows:,}" for name, table in tables.items())
    return Finding(
        check="input.rows",
        value=float(table.num_rows),
        n=table.num_rows,
        direction=Direction.NONE,
        unit="rows",
        sentence=f"Rows: {sizes}.",
    )


def _unseen_finding(schema: TableSchema, tables: dict[str, pa.Table]) -> Finding:
    real = [tables["train"], *([tables["holdout"]] if "holdout" in tables else [])]
    words, worst = [], 0.0
    for column in schema.columns:
        if column.kind not in CATEGORY_KINDS:
            continue
        known = pa.chunked_array([chunk for table in real for chunk in _text(table[column.name]).chunks], pa.string())
        declared = pa.array(column.categories or (), pa.string())
        values = _text(tables["synthetic"][column.name]).drop_null()
        unseen = pc.invert(pc.or_(pc.is_in(values, known.unique()), pc.is_in(values, declared)))
        share = (pc.sum(unseen).as_py() or 0) / max(len(values), 1)
        worst = max(worst, share)
        if share > 0:
            words.append(f"{column.name}: {share:.2%} of values are categories that no real row has")
    return Finding(
        check="input.unseen_categories",
        value=worst,
        n=tables["synthetic"].num_rows,
        direction=Direction.LOWER,
        unit="share of values, worst column",
        sentence="; ".join(words) + "." if words else "Every category is one that real rows have.",
    )


def _overlap_findings(schema: TableSchema, tables: dict[str, pa.Table]) -> list[Finding]:
    # A fresh key on every row would hide that all the rest is the same.
    columns = [c.name for c in schema.columns if c.kind is not Kind.IDENTIFIER and not c.unique]
    if not columns:
        columns = list(schema.names)
    compared = [table.select(columns) for table in tables.values()]
    keys = dict(zip(tables, row_keys(compared), strict=True))
    findings = [same_rows(keys["train"], keys["synthetic"])]
    if "holdout" in keys:
        findings.append(holdout_overlap(keys["train"], keys["holdout"]))
    else:
        findings.append(not_measured("input.holdout_overlap", "no holdout was kept back"))
    return findings


def _identifier_findings(schema: TableSchema, tables: dict[str, pa.Table]) -> list[Finding]:
    found = []
    for column in schema.columns:
        if column.kind is not Kind.IDENTIFIER and not (column.kind is Kind.PERSONAL and column.unique):
            continue
        sides = {side: table[column.name].combine_chunks() for side, table in tables.items()}
        found.append(leaked_identifiers(column.name, sides["train"], sides.get("holdout"), sides["synthetic"]))
    return found


def _with_usable_target(
    schema: TableSchema, tables: dict[str, pa.Table], *, named: str | None
) -> tuple[TableSchema, Finding]:
    if named is None:
        return schema, _count("input.target", 0, len(tables["train"]), "No target was named.", [])
    target = schema.target
    if target is None:
        return schema, not_measured("input.target", f"{named} cannot be compared on every side", scope=(named,))
    classes = {side: len(table[target].drop_null().unique()) for side, table in tables.items()}
    poor = [side for side in classes if classes[side] < 2]
    if not poor:
        return schema, _count("input.target", 0, len(tables["train"]), f"{target} varies on every side.", [], (target,))
    words = [f"{target} has one class only in {side}" for side in poor]
    if poor == ["synthetic"]:
        return schema, _count("input.target", 1, len(tables["synthetic"]), "", words, (target,))
    reason = "; ".join(words) + ": nothing can be learned of it"
    return replace(schema, target=None), not_measured("input.target", reason, scope=(target,))


def _count(check: str, count: int, n: int, good: str, words: Sequence[str], scope: tuple[str, ...] = ()) -> Finding:
    shown = "; ".join(words[:8]) + (f"; and {len(words) - 8} more" if len(words) > 8 else "") + "."
    return Finding(
        check=check,
        value=float(count),
        n=n,
        direction=Direction.LOWER,
        scope=scope,
        unit="columns",
        sentence=shown if count else good,
    )


def _aligned(train: pa.Table, others: dict[str, pa.Table]) -> tuple[dict[str, pa.Table], list[str]]:
    aligned, unreadable = {}, set()
    for side, table in others.items():
        columns = []
        for field in train.schema:
            column = _cast(table[field.name], field.type)
            if column is None:
                unreadable.add(field.name)
                column = pa.chunked_array([pa.nulls(table.num_rows, field.type)])
            columns.append(column)
        aligned[side] = pa.table(dict(zip(train.column_names, columns, strict=True)))
    return aligned, [name for name in train.column_names if name in unreadable]


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    if column.type == kind:
        return column
    if pa.types.is_dictionary(kind):
        values = _cast(column, kind.value_type)
        return None if values is None else values.dictionary_encode().cast(kind)
    if pa.types.is_dictionary(column.type):
        return _cast(column.cast(column.type.value_type), kind)
    number_as_flag = pa.types.is_boolean(kind) != pa.types.is_boolean(column.type) and not pa.types.is_string(
        column.type
    )
    if number_as_flag:
        return None
    try:
        return column.cast(kind, safe=not pa.types.is_floating(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _cast_rounded(column, kind)


def _cast_rounded(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    # Other tools write integers as 3.0 or "3.0"; a fraction that matters is left to the measures.
    if not pa.types.is_integer(kind):
        return None
    try:
        return pc.round(column.cast(pa.float64(), safe=False)).cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.string())


def _narrowed(schema: Schema, kept: Sequence[str]) -> Schema:
    table, names = schema.only, set(kept)
    columns = tuple(table.column(name) for name in kept if name in table.names)
    narrowed = replace(
        table,
        columns=columns,
        primary_key=table.primary_key if set(table.primary_key) <= names else (),
        constraints=tuple(rule for rule in table.constraints if set(rule.columns) <= names),
        target=table.target if table.target in names else None,
        protected=tuple(name for name in table.protected if name in names),
        unit=table.unit if table.unit in names else None,
        order_by=table.order_by if table.order_by in names else None,
        series=table.series if set(table.series or ()) <= names else None,
    )
    return replace(schema, tables=(narrowed,))
