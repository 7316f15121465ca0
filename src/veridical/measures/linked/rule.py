"""Do rows keep the rules that speak of several tables?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding
from veridical.measures.linked.side import real_of
from veridical.prepare.linked_rule import broken_rows, linked_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedRules:
    """Rules across tables: a child's value beside its parent's, totals of lines, at most one row of a kind.

    Example:
        >>> LinkedRules()
        LinkedRules()
    """

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:  # noqa: ARG002
        """Return `linked.rules` by rule: how many rows break it, beside the real tables' share."""
        real, found = real_of(evidence), list[Finding]()
        for table, rule in linked_rules(evidence.schema):
            ours = broken_rows(evidence.synthetic.tables, evidence.schema, table, rule)
            theirs = broken_rows(real.tables, evidence.schema, table, rule)
            what = ", ".join(rule.columns) or str(rule.when)
            found.append(
                Finding(
                    check="linked.rules",
                    value=float(ours.mean()) if len(ours) else 0.0,
                    n=len(ours),
                    direction=Direction.LOWER,
                    scope=(table, what),
                    unit="share of rows",
                    baseline=float(theirs.mean()) if len(theirs) else 0.0,
                    sentence=f"{int(ours.sum()):,} of {len(ours):,} rows of {table} break the rule {rule.type} {what}.",
                )
            )
        return found
