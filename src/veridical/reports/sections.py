"""In which groups and order are figures told, and which of them are shown first?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from veridical.core.finding import Finding, GateResult, Outcome, Verdict
from veridical.gates.judge import matches
from veridical.gates.limits import bounds_of
from veridical.reports.audience import WITHHELD
from veridical.reports.charts import Span, interval_plot
from veridical.reports.wording import FAMILIES, family_of, figure, interval_words, scope_words, title_of

FIRST_ROWS = 3
MAX_ROWS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One finding as a line of a table."""

    scope: str
    value: str
    interval: str
    ceiling: str
    ceiling_is: str  # what the ceiling is a figure of: real held-out rows, or noise alone
    baseline: str
    n: int
    sentence: str
    outcome: str  # "pass" "fail" "not-measured", or "" when no gate speaks of it
    plot: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckGroup:
    """All findings of one check, the worst first; `more` counts those that the page leaves out."""

    check: str
    title: str
    rows: tuple[Row, ...]
    more: int = 0
    outcome: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """All checks of one family."""

    family: str
    title: str
    question: str
    groups: tuple[CheckGroup, ...] = ()
    others: tuple[CheckGroup, ...] = ()  # figures that no gate reads
    counts: Mapping[str, int] = field(default_factory=dict)


def sections_of(findings: Sequence[Finding], verdict: Verdict) -> dict[str, Section]:
    """Return a section for each family that has findings, in the page's order."""
    sections: dict[str, Section] = {}
    families = [*FAMILIES, *sorted({family_of(f.check) for f in findings} - set(FAMILIES))]
    results: dict[tuple[str, ...], list[GateResult]] = {}
    for result in verdict.results:
        results.setdefault(result.scope, []).append(result)
    for family in families:
        mine = [finding for finding in findings if family_of(finding.check) == family]
        if not mine:
            continue
        title, question = FAMILIES.get(family, (family.capitalize(), ""))
        checks = list(dict.fromkeys(finding.check for finding in mine))
        groups = [_group(check, [f for f in mine if f.check == check], results) for check in checks]
        rank = {"fail": 0, "not-measured": 1, "pass": 2, "": 3}
        groups.sort(key=lambda group: rank[group.outcome])
        counts = {key: sum(row.outcome == key for group in groups for row in group.rows) for key in rank if key}
        sections[family] = Section(
            family=family,
            title=title,
            question=question,
            groups=tuple(group for group in groups if group.outcome),
            others=tuple(group for group in groups if not group.outcome),
            counts=counts,
        )
    return sections


def outcome_class(outcome: Outcome) -> str:
    """Return an outcome's name as a CSS class.

    Example:
        >>> outcome_class(Outcome.NOT_MEASURED)
        'not-measured'
    """
    return outcome.value.replace(" ", "-")


def _group(check: str, findings: Sequence[Finding], results: Mapping[tuple[str, ...], list[GateResult]]) -> CheckGroup:
    judged = [(finding, _result_of(finding, results)) for finding in findings]
    judged.sort(key=lambda pair: _badness(*pair))
    span = _span([(finding, result) for finding, result in judged if finding.value is not None])
    rows = tuple(_row(finding, result, span) for finding, result in judged[:MAX_ROWS])
    outcomes = [row.outcome for row in rows]
    worst = next((name for name in ("fail", "not-measured", "pass") if name in outcomes), "")
    return CheckGroup(check=check, title=title_of(check), rows=rows, more=max(0, len(judged) - MAX_ROWS), outcome=worst)


def _result_of(finding: Finding, results: Mapping[tuple[str, ...], list[GateResult]]) -> GateResult | None:
    mine = [result for result in results.get(finding.scope, ()) if matches(result.gate, finding)]
    return min(mine, key=lambda result: result.outcome is Outcome.PASS, default=None)


def _badness(finding: Finding, result: GateResult | None) -> tuple[int, float]:
    rank = {Outcome.FAIL: 0, Outcome.NOT_MEASURED: 1, Outcome.PASS: 2}
    first = 3 if result is None else rank[result.outcome]
    if finding.value is None:
        return first, 0.0
    from_ceiling = finding.value - (finding.ceiling if finding.ceiling is not None else 0.0)
    sign = {"higher": 1.0, "lower": -1.0}.get(finding.direction.value)
    return first, sign * from_ceiling if sign is not None else -abs(from_ceiling)


def _span(judged: Sequence[tuple[Finding, GateResult | None]]) -> Span:
    # One span for all rows of a check, so that they can be compared by eye.
    figures: list[float] = []
    for finding, result in judged:
        figures += [float(v) for v in (finding.value, finding.ceiling) if v is not None]
        if finding.interval is not None:
            figures += [finding.interval.low, finding.interval.high]
        bounds = bounds_of(result.gate, finding) if result is not None else None
        if bounds is not None:
            figures += [limit for limit in (bounds.low, bounds.high) if limit is not None]
    figures = [v for v in figures if v == v and abs(v) != float("inf")]
    if not figures:
        return Span(0.0, 1.0)
    low, high = min(figures), max(figures)
    # A baseline far off is drawn at the edge: it must not squeeze what matters into a dot.
    reach = 0.5 * (high - low)
    bases = [
        float(f.baseline) for f, _ in judged if f.baseline is not None and low - reach <= f.baseline <= high + reach
    ]
    low, high = min([low, *bases]), max([high, *bases])
    pad = (high - low) * 0.1 or max(abs(high), 0.01) * 0.5
    return Span(0.0 if 0 <= low <= (high - low) else low - pad, high + pad)


def _row(finding: Finding, result: GateResult | None, span: Span) -> Row:
    bounds = bounds_of(result.gate, finding) if result is not None else None
    return Row(
        scope=scope_words(finding.scope),
        value=figure(finding.value),
        interval=interval_words(finding),
        ceiling=figure(finding.ceiling) if finding.ceiling is not None else "",
        ceiling_is=str(finding.detail.get("ceiling_is", "real")),
        baseline=figure(finding.baseline) if finding.baseline is not None else "",
        n=finding.n,
        sentence=finding.sentence if finding.measured else _absence(finding),
        outcome="" if result is None else outcome_class(result.outcome),
        plot=interval_plot(finding, bounds, span),
    )


def _absence(finding: Finding) -> str:
    return "Withheld." if finding.reason == WITHHELD else f"Not measured: {finding.reason}"
