"""Are the schema's rules kept: constraints, keys, columns that must not be empty?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from veridical.core.contracts import Evidence, RunContext
from veridical.core.errors import ConstraintError, SpecError
from veridical.core.finding import Finding, not_measured
from veridical.core.schema import Column, Constraint, Role, TableSchema
from veridical.measures import view as views
from veridical.measures.estimate import share
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
    real = view.tables["train"] if holdout is None else holdout
    found = violations(real, schema, view.tables["train"])
    held = {_key(item.constraint): item.rows for item in found}
    each = [_Broken(item, held.get(_key(item.constraint), 0), synthetic.num_rows, real.num_rows) for item in broken]
    worst = min(each, key=lambda rule: (rule.p_value, -rule.ours.rows))
    unseen = holdout is not None
    return [
        _kept(view, rule, each, head=head, unseen=unseen) for head, rule in ((True, worst), *((False, r) for r in each))
    ]


@dataclass(frozen=True, slots=True)
class _Broken:
    """A rule, and how many of how many rows break it on both sides."""

    ours: Violation
    real_broken: int
    rows: int
    real_rows: int

    @property
    def p_value(self) -> float:
        """How often chance breaks a guessed rule as much; a rule that somebody set is broken by one row."""
        if self.ours.constraint.source != "learned":
            return 0.0 if self.ours.rows else 1.0
        return _more_than_real(self.ours.rows, self.rows, self.real_broken, self.real_rows)


def _kept(view: View, rule: _Broken, rules: Sequence[_Broken], *, head: bool, unseen: bool) -> Finding:
    constraint = rule.ours.constraint
    ours, ceiling = share(rule.ours.rows, rule.rows), share(rule.real_broken, rule.real_rows) if unseen else None
    words = f"{constraint.type} of {', '.join(constraint.columns) or 'the row'}"
    words = f"the rule most broken ({words})" if head else f"the rule {words}"
    return figure(
        HEADLINE if head else "validity.constraint", ours,
        f"{ours.value:.2%} of the rows break {words}{beside(ceiling, '.2%')}.",
        scope=view.scope() if head else view.scope(constraint.type, *constraint.columns), ceiling=ceiling,
        p_value=min(1.0, rule.p_value * len(rules)) if head else rule.p_value,
        detail={"rules": len(rules), "rows": rule.ours.rows, "type": constraint.type},
    )  # fmt: skip


def _key(constraint: Constraint) -> tuple[object, ...]:
    return constraint.type, constraint.columns, constraint.when, constraint.expression


def _present(schema: TableSchema, table: pa.Table) -> TableSchema:
    """Return the schema with the columns the table has, and the rules that name no other."""
    names = set(table.column_names)
    unique = tuple(
        Constraint(type="unique", columns=(column.name,), source="learned" if column.reason else "user")
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
                       scope=view.scope(column.name), p_value=_emptier(view, column, nulls))
            )  # fmt: skip
    worst = max((finding.value or 0.0 for finding in found), default=0.0)
    ours = share(round(worst * table.num_rows), table.num_rows)
    head = figure(
        NULLS, ours, f"Of the columns that must not be empty, {len(found)} have empty cells.", scope=view.scope(),
        p_value=min((finding.p_value or 0.0 for finding in found), default=1.0),
    )  # fmt: skip
    return [head, *found]


def _emptier(view: View, column: Column, nulls: int) -> float:
    if not column.reason:  # somebody declared that it must not be empty
        return 0.0
    real = view.tables.get("holdout", view.tables["train"]).column(column.name)
    return _more_than_real(nulls, view.tables["synthetic"].num_rows, real.null_count, len(real))


def _more_than_real(ours: int, rows: int, real: int, real_rows: int) -> float:
    """Return the p-value of as many among unseen real rows (Fisher's exact test).

    A rule guessed from a few hundred rows is broken by one real row in a thousand. Train does not count: the rule
    was guessed because all of train keeps it.
    """
    from scipy.stats import fisher_exact

    return float(fisher_exact([[ours, rows - ours], [real, real_rows - real]], alternative="greater").pvalue)
