"""How does a verdict read in a terminal?"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from veridical.core.finding import Finding, GateResult, Outcome, Verdict
from veridical.reports.wording import FAMILIES, SYMBOLS, family_of, figure, headline, ordered, scope_words, title_of

SHOWN_STOPS = 12
_COLOURS = {Outcome.PASS: "32", Outcome.FAIL: "31", Outcome.NOT_MEASURED: "33"}


def summary(verdict: Verdict, findings: Sequence[Finding], *, width: int = 100, colour: bool = False) -> str:
    """Return the verdict, what stops it and the main figures, as lines at most `width` wide."""
    painter = _painted if colour else _plain
    lines = [painter(f"{verdict.outcome.value.upper()}", verdict.outcome) + f"  {headline(verdict)}", ""]
    stops = [result for result in ordered(verdict.results) if result.outcome is not Outcome.PASS]
    for result in stops[:SHOWN_STOPS]:
        lines += _stop_lines(result, width, painter)
    if len(stops) > SHOWN_STOPS:
        lines.append(f"  ... and {len(stops) - SHOWN_STOPS} more; the page shows them all")
    if stops:
        lines.append("")
    lines += _table(findings, verdict, painter)
    return "\n".join(line.rstrip() for line in lines)


def _stop_lines(result: GateResult, width: int, painter: object) -> list[str]:
    scope = f" [{scope_words(result.scope)}]" if result.scope else ""
    mark = (
        _plain(SYMBOLS[result.outcome], result.outcome)
        if painter is _plain
        else _painted(SYMBOLS[result.outcome], result.outcome)
    )
    head = f"{mark} {result.gate.check}{scope}: {figure(result.value)}, {result.limit}"
    words = result.sentence if result.sentence else result.gate.why
    lines = [head, *(f"    {line}" for line in wrap(words, width - 4))]
    if result.waived_by:
        lines += [f"    {line}" for line in wrap(f"Waived by {result.waived_by}: {result.waived_because}", width - 4)]
    return lines


def _table(findings: Sequence[Finding], verdict: Verdict, painter: object) -> list[str]:
    gated = {(result.gate.check, result.scope): result.outcome for result in verdict.results}
    lines = []
    for family, (title, _) in FAMILIES.items():
        rows = [finding for finding in findings if family_of(finding.check) == family and not finding.scope]
        rows = [finding for finding in rows if finding.measured]
        if not rows:
            continue
        lines.append(title)
        for finding in rows:
            outcome = gated.get((finding.check, finding.scope))
            mark = " " if outcome is None else SYMBOLS[outcome]
            span = (
                "" if finding.interval is None else f"{figure(finding.interval.low)} – {figure(finding.interval.high)}"
            )
            ceiling = (
                ""
                if finding.ceiling is None
                else f"{finding.detail.get('ceiling_is', 'real')} {figure(finding.ceiling)}"
            )
            baseline = "" if finding.baseline is None else f"naive {figure(finding.baseline)}"
            cells = f"{figure(finding.value):>10}  {span:<20}  {ceiling:<14}  {baseline}"
            shown = mark if outcome is None or painter is _plain else _painted(mark, outcome)
            lines.append(f"  {shown} {title_of(finding.check):<36.36} {cells}")
    return lines


def _plain(text: str, outcome: Outcome) -> str:  # noqa: ARG001
    return text


def _painted(text: str, outcome: Outcome) -> str:
    return f"\x1b[1;{_COLOURS[outcome]}m{text}\x1b[0m"
