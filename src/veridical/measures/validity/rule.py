"""Are the schema's rules kept: constraints, keys, columns that must not be empty?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from veridical.core.contracts import Evidence, RunContext
from veridical.core.errors import ConstraintError, SpecError
from veridical.core.finding import Finding, not_measured
from veridical.core.schema import Constraint, Role, TableSchema
from veridical.measures import view as views
from veridical.measures.estimate import share
from veridical.measures.figure import beside, figure
from veridical.measures.view import View
from veridical.prepare.violation import violations

HEADLINE, NULLS = "validity.constraints", "validity.missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How many synthetic rows break each rule of the schema; combinations are held against train's.

    Example:
        >>> Rules()
        Rules()
    """

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `validity.constraint` of each rule, `validity.constraints` and `validity.missing` of each table."""
        return [finding for view in views.of(evidence, ctx) for finding in self._table(view)]

    def _table(self, view: View) -> list[Finding]:
        try:
            return [*_constraints(view), *_missing(view)]
        except (ConstraintError, SpecError) as wrong:
            return [not_measured(HEADLINE, f"{wrong.what} ({wrong.where})", scope=view.scope()), *_missing(view)]


def _constraints(view: View) -> list[Finding]:
    synthetic = view.tables["synthetic"]
    schema = _present(view.schema, synthetic)
    broken = violations(synthetic, schema, view.tables["train"])
    if not broken:
        return [not_measured(HEADLINE, "the schema has no rules", n=synthetic.num_rows, scope=view.scope())]
    holdout = view.tables.get("holdout")
    held = (
        {}
        if holdout is None
        else {_key(v.constraint): v.rows for v in violations(holdout, schema, view.tables["train"])}
    )
    found, worst = [], max(broken, key=lambda item: item.rows)
    for item in (worst, *broken):
        ours = share(item.rows, synthetic.num_rows)
        ceiling = None
        if holdout is not None:
            ceiling = share(held.get(_key(item.constraint), 0), holdout.num_rows)
        head = not found
        rule = f"{item.constraint.type} of {', '.join(item.constraint.columns) or 'the row'}"
        words = f"the rule most broken ({rule})" if head else f"the rule {rule}"
        found.append(
            figure(
                HEADLINE if head else "validity.constraint", ours,
                f"{ours.value:.2%} of the rows break {words}{beside(ceiling, '.2%')}.",
                scope=view.scope() if head else view.scope(*_named(item.constraint)), ceiling=ceiling,
                detail={"rules": len(broken), "rows": item.rows, "type": item.constraint.type},
            )
        )  # fmt: skip
    return found


def _key(constraint: Constraint) -> tuple[object, ...]:
    return constraint.type, constraint.columns, constraint.when, constraint.expression


def _named(constraint: Constraint) -> tuple[str, ...]:
    return (constraint.type, *constraint.columns)


def _present(schema: TableSchema, table: pa.Table) -> TableSchema:
    """Return the schema with the columns the table has, and the rules that name no other."""
    names = set(table.column_names)
    unique = tuple(
        Constraint(type="unique", columns=(column.name,))
        for column in schema.columns
        if column.unique and (column.name,) != schema.primary_key
    )
    rules = [rule for rule in (*schema.constraints, *unique) if set(rule.columns) <= names]
    columns = tuple(column for column in schema.columns if column.name in names)
    key = schema.primary_key if set(schema.primary_key) <= names else ()
    return replace(schema, columns=columns, constraints=tuple(rules), primary_key=key)


def _missing(view: View) -> list[Finding]:
    table, found = view.tables["synthetic"], []
    for column in view.schema.columns:
        if column.nullable or column.role is Role.DROP or column.name not in table.column_names:
            continue
        nulls = table.column(column.name).null_count
        if nulls:
            ours = share(nulls, table.num_rows)
            found.append(
                figure(NULLS, ours, f"{ours.value:.2%} of the rows lack {column.name}, which must not be empty.",
                       scope=view.scope(column.name))
            )  # fmt: skip
    worst = max((finding.value or 0.0 for finding in found), default=0.0)
    ours = share(round(worst * table.num_rows), table.num_rows)
    head = figure(
        NULLS, ours, f"Of the columns that must not be empty, {len(found)} have empty cells.", scope=view.scope()
    )
    return [head, *found]
