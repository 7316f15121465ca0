"""What is in this table: its columns, keys, roles, and the rules that its rows keep?"""

from __future__ import annotations

import pyarrow as pa

from veridical.core.contracts import RunContext
from veridical.core.errors import DataError
from veridical.core.profile import ColumnProfile, TableProfile
from veridical.core.schema import CATEGORY_KINDS, Column, Kind, TableSchema
from veridical.profile import kind, number, role, sequence
from veridical.profile.correlation import correlations
from veridical.profile.facts import Facts, column_facts
from veridical.profile.rules import rules_of
from veridical.profile.sample import draw, numbers_for


def learn_table(
    table: pa.Table, *, name: str, rare_below: int = 5, ctx: RunContext | None = None
) -> tuple[TableSchema, TableProfile]:
    """Return the guessed schema of a table, and what may be told of it without showing a row.

    Every value shown is carried by at least `rare_below` rows. Rules between columns are looked for in a
    sample of rows and kept only when all rows keep them.

    Example:
        >>> schema, profile = learn_table(pa.table({"sex": ["F", "M"] * 50}), name="people")
        >>> schema.column("sex").kind, profile.columns[0].categories
        (<Kind.CATEGORY: 'category'>, (('F', 0.5), ('M', 0.5)))

    Raises:
        DataError: the table has no row or no column.
    """
    if table.num_rows == 0 or table.num_columns == 0:
        raise DataError("there is nothing to learn from", where=name, fix="give a table with columns and rows")
    ctx = RunContext() if ctx is None else ctx
    columns, profiles, facts_kept = [], [], []
    for position, field in enumerate(table.schema):
        facts = column_facts(field, table.column(position), position)
        seen = kind.guess(facts, storage=str(field.type), rare_below=rare_below)
        columns.append(seen.column)
        profiles.append(_profile(facts, seen, rare_below))
        facts_kept.append(_summary(facts))
        ctx.progress(f"learn {name}", done=position + 1, total=table.num_columns)
    sample = draw(table, columns, ctx.rng("learn", name))
    rules = rules_of(table, sample, facts_kept, rare_below=rare_below)
    schema = role.assign(name, columns, facts_kept, rules.constraints, table)
    findings = tuple(rules.findings)
    followed = sequence.find(schema, table)
    if followed is not None:
        schema, findings = followed.schema, (*findings, followed.reason)
    return schema, TableProfile(
        name=name, rows=table.num_rows, columns=tuple(profiles), correlations=correlations(sample), findings=findings
    )


def _summary(facts: Facts) -> Facts:
    """Facts without their values: what later questions need, at no memory."""
    return Facts(
        name=facts.name, type=facts.type, rows=facts.rows, nulls=facts.nulls, values=facts.values.slice(0, 0),
        counts=facts.counts[:0], position=facts.position, seen_distinct=facts.distinct,
    )  # fmt: skip


def _profile(facts: Facts, seen: kind.Seen, rare_below: int) -> ColumnProfile:
    column = seen.column
    categories: tuple[tuple[str, float], ...] = ()
    quantiles: tuple[float, ...] = ()
    length = None
    if column.kind in CATEGORY_KINDS:
        categories = tuple((text, count / facts.valid) for text, count in facts.common(rare_below))
    elif column.kind in (Kind.TEXT, Kind.PERSONAL, Kind.IDENTIFIER):
        length = _mean_length(facts)
    elif facts.valid:
        quantiles = _quantiles(facts, column, rare_below)
    return ColumnProfile(
        name=facts.name, rows=facts.rows, null_share=facts.nulls / facts.rows, distinct=facts.distinct,
        categories=categories, quantiles=quantiles, spikes=seen.spikes, mean_length=length, findings=seen.findings,
    )  # fmt: skip


def _mean_length(facts: Facts) -> float | None:
    if not facts.valid:
        return None
    lengths = [len(text) for text in facts.texts]
    return round(sum(n * c for n, c in zip(lengths, facts.counts.tolist(), strict=True)) / facts.valid, 2)


_TICKS = {"day": 86_400e6, "hour": 3600e6, "minute": 60e6, "s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}


def _quantiles(facts: Facts, column: Column, rare_below: int) -> tuple[float, ...]:
    import numpy as np

    numbers = numbers_for(pa.chunked_array([facts.values]), column)
    if numbers is None:
        return ()
    if column.kind in (Kind.DATE, Kind.DATETIME):
        numbers = numbers / _TICKS[column.resolution or "us"]
    order = np.argsort(numbers, kind="stable")
    return number.quantiles_of(numbers[order], facts.counts[order], rare_below=rare_below)
