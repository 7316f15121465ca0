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
from veridical.measures.estimate import Estimate, share
from veridical.measures.figure import beside, figure
from veridical.measures.view import View
from veridical.prepare.violation import Violation, violations

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
    synthetic, holdout = view.tables["synthetic"], view.tables.get("holdout")
    schema = _present(view.schema, synthetic)
    broken = violations(synthetic, schema, view.tables["train"])
    if not broken:
        return [not_measured(HEADLINE, "the schema has no rules", n=synthetic.num_rows, scope=view.scope())]
    held: dict[tuple[object, ...], Estimate] = {}
    if holdout is not None:
        found = violations(holdout, schema, view.tables["train"])
        held = {_key(item.constraint): share(item.rows, holdout.num_rows) for item in found}
    worst = max(broken, key=lambda item: item.rows)
    each = [_kept(view, item, held, head=False, rules=len(broken)) for item in broken]
    return [_kept(view, worst, held, head=True, rules=len(broken)), *each]


def _kept(view: View, item: Violation, held: dict[tuple[object, ...], Estimate], *, head: bool, rules: int) -> Finding:
    ours, ceiling = share(item.rows, view.synthetic.rows), held.get(_key(item.constraint))
    rule = f"{item.constraint.type} of {', '.join(item.constraint.columns) or 'the row'}"
    words = f"the rule most broken ({rule})" if head else f"the rule {rule}"
    return figure(
        HEADLINE if head else "validity.constraint", ours,
        f"{ours.value:.2%} of the rows break {words}{beside(ceiling, '.2%')}.",
        scope=view.scope() if head else view.scope(item.constraint.type, *item.constraint.columns), ceiling=ceiling,
        detail={"rules": rules, "rows": item.rows, "type": item.constraint.type},
    )  # fmt: skip


def _key(constraint: Constraint) -> tuple[object, ...]:
    return constraint.type, constraint.columns, constraint.when, constraint.expression


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
                       scope=view.scope(column.name), p_value=_more_than_real(view, column.name, nulls))
            )  # fmt: skip
    worst = max((finding.value or 0.0 for finding in found), default=0.0)
    ours = share(round(worst * table.num_rows), table.num_rows)
    head = figure(
        NULLS, ours, f"Of the columns that must not be empty, {len(found)} have empty cells.", scope=view.scope(),
        p_value=min((finding.p_value or 0.0 for finding in found), default=1.0),
    )  # fmt: skip
    return [head, *found]


def _more_than_real(view: View, name: str, nulls: int) -> float:
    """Return the p-value of as many empty cells among real rows (Fisher's exact test).

    A schema learned from a few hundred rows calls a column full that one row in a thousand leaves empty.
    """
    from scipy.stats import fisher_exact

    rows = view.tables["synthetic"].num_rows
    real = [view.tables[side].column(name) for side in ("train", "holdout") if side in view.tables]
    empty = sum(column.null_count for column in real)
    full = sum(len(column) for column in real) - empty
    return float(fisher_exact([[nulls, rows - nulls], [empty, full]], alternative="greater").pvalue)
