"""Which findings break which gates, and may the data go out?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from veridical.core.finding import Finding, Gate, GateResult, Outcome, Verdict
from veridical.gates.limits import Bounds, bounds_of, describe, side
from veridical.gates.multiplicity import holm, widened
from veridical.spec.gates import GateSet, Waiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """Which data and schema the findings were made of."""

    synthetic: str
    real: str
    schema: str


@dataclass(frozen=True, slots=True)
class _Case:
    gate: Gate
    finding: Finding


def judge(
    findings: Sequence[Finding], gates: GateSet, fingerprints: Fingerprints, waivers: Sequence[Waiver] = ()
) -> Verdict:
    """Return what the gates say of the findings.

    Each gate speaks of every finding of its check (and scope). P-values are corrected together by Holm's
    method and intervals widened by Bonferroni's, so that data as good as real rows trips *any* gate with
    at most the set's `family_error`. A gate whose finding is absent, unmeasured, not a number or resting on
    too few rows is "not measured", never a pass.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".

    Example:
        >>> gates = GateSet(name="mine", summary="", gates=(Gate(check="a.b", why="w", at_most=0.5),))
        >>> prints = Fingerprints(synthetic="s", real="r", schema="c")
        >>> judge([], gates, prints).outcome
        <Outcome.NOT_MEASURED: 'not measured'>
    """
    cases = [_Case(gate, finding) for gate in gates.gates for finding in findings if matches(gate, finding)]
    p_cases = [index for index, case in enumerate(cases) if _unmeasured(case) is None and _has_p(case)]
    adjusted = dict(zip(p_cases, holm([cases[i].finding.p_value or 0.0 for i in p_cases]), strict=True))
    compared = sum(1 for case in cases if case.gate.rule == "interval" and _unmeasured(case) is None)
    results = [
        _judge_one(case, adjusted.get(index), comparisons=compared, family_error=gates.family_error)
        for index, case in enumerate(cases)
    ]
    results += [_absent(gate) for gate in gates.gates if not any(matches(gate, finding) for finding in findings)]
    order = {id(gate): place for place, gate in enumerate(gates.gates)}
    results.sort(key=lambda result: order.get(id(result.gate), len(order)))
    results = [_waived(result, (*gates.waivers, *waivers)) for result in results]
    return Verdict(
        outcome=_overall(results),
        results=tuple(results),
        gate_set=gates.name,
        synthetic_fingerprint=fingerprints.synthetic,
        real_fingerprint=fingerprints.real,
        schema_fingerprint=fingerprints.schema,
    )


def matches(gate: Gate, finding: Finding) -> bool:
    """Return whether a gate speaks of a finding: same check (`*` stands for any name) and scope."""
    same_check = gate.check == finding.check or ("*" in gate.check and fnmatchcase(finding.check, gate.check))
    return same_check and (gate.scope is None or gate.scope == finding.scope)


def _judge_one(case: _Case, adjusted_p: float | None, *, comparisons: int, family_error: float) -> GateResult:
    gate, finding = case.gate, case.finding
    reason = _unmeasured(case)
    if reason is not None:
        return _result(case, Outcome.NOT_MEASURED, limit=describe(gate, None), sentence=reason)
    bounds = bounds_of(gate, finding)
    if bounds is None:
        missing = f"it is held against the {gate.relative_to}, and there is none"
        return _result(case, Outcome.NOT_MEASURED, limit=describe(gate, None), sentence=missing)
    outcomes = []
    if bounds.set:
        outcomes.append(_by_limit(gate, finding, bounds, comparisons=comparisons, family_error=family_error))
    if gate.p_below is not None and adjusted_p is not None:
        outcomes.append(Outcome.FAIL if adjusted_p < gate.p_below else Outcome.PASS)
    # With a p-value and a limit, a difference must be both sure and large to fail.
    outcome = outcomes[0] if len(outcomes) == 1 else _milder(outcomes)
    return _result(
        case, outcome, limit=describe(gate, bounds), sentence=_sentence(gate, finding, outcome, bounds, adjusted_p)
    )


def _by_limit(gate: Gate, finding: Finding, bounds: Bounds, *, comparisons: int, family_error: float) -> Outcome:
    value = float(finding.value or 0.0)
    if gate.rule == "value" or finding.interval is None:
        return Outcome.PASS if bounds.hold(value) else Outcome.FAIL
    if gate.rule == "sure":
        low, high = finding.interval.low, finding.interval.high
        if bounds.hold(low) and bounds.hold(high):
            return Outcome.PASS
        return Outcome.FAIL if bounds.beyond(low, high) else Outcome.NOT_MEASURED
    low, high = widened(finding.interval, value, comparisons=comparisons, family_error=family_error)
    return Outcome.FAIL if bounds.beyond(low, high) else Outcome.PASS


def _milder(outcomes: Sequence[Outcome]) -> Outcome:
    for outcome in (Outcome.PASS, Outcome.NOT_MEASURED):
        if outcome in outcomes:
            return outcome
    return Outcome.FAIL


def _has_p(case: _Case) -> bool:
    return case.gate.p_below is not None and case.finding.p_value is not None


def _unmeasured(case: _Case) -> str | None:
    finding, gate = case.finding, case.gate
    if finding.value is None:
        return finding.reason
    if math.isnan(finding.value):
        return "the figure is not a number"
    if finding.n < gate.min_rows:
        return f"it rests on {finding.n:,} rows, and {gate.min_rows:,} are needed"
    if gate.p_below is not None and (finding.p_value is None or math.isnan(finding.p_value)):
        return "the finding has no p-value"
    return None


def _sentence(gate: Gate, finding: Finding, outcome: Outcome, bounds: Bounds, adjusted_p: float | None) -> str:
    if outcome is Outcome.PASS:
        return finding.sentence
    if outcome is Outcome.NOT_MEASURED:
        return "its interval lies astride the limit: too few rows to be sure"
    parts = [finding.sentence] if finding.sentence else []
    parts.append(gate.why)
    if bounds.set:
        parts.append(f"{side(finding, bounds)} the limit.")
    if adjusted_p is not None:
        parts.append(f"Corrected over all gates, p = {adjusted_p:.2g}.")
    return " ".join(parts)


def _result(case: _Case, outcome: Outcome, *, limit: str, sentence: str) -> GateResult:
    return GateResult(
        gate=case.gate,
        outcome=outcome,
        value=None if outcome is Outcome.NOT_MEASURED and case.finding.value is None else case.finding.value,
        limit=limit,
        sentence=sentence,
        scope=case.finding.scope,
    )


def _absent(gate: Gate) -> GateResult:
    return GateResult(
        gate=gate,
        outcome=Outcome.NOT_MEASURED,
        value=None,
        limit=describe(gate, None),
        sentence="no finding of this check was made",
        scope=gate.scope if gate.scope is not None else (),
    )


def _waived(result: GateResult, waivers: Sequence[Waiver]) -> GateResult:
    if result.outcome is Outcome.PASS:
        return result
    for waiver in waivers:
        if waiver.check == result.gate.check and waiver.scope in ((), result.scope):
            return replace(result, waived_by=waiver.by, waived_because=waiver.because)
    return result


def _overall(results: Sequence[GateResult]) -> Outcome:
    stopping = [result.outcome for result in results if result.stops]
    if Outcome.FAIL in stopping:
        return Outcome.FAIL
    # A set without any gate proves nothing.
    return Outcome.NOT_MEASURED if stopping or not results else Outcome.PASS
