"""How are checks, figures and outcomes called on a page?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from veridical.core.finding import Finding, GateResult, Outcome, Verdict
from veridical.gates.limits import number

FAMILIES: Mapping[str, tuple[str, str]] = {
    "privacy": (
        "Privacy attacks",
        "What an attacker gains from the synthetic rows, against what real strangers give away.",
    ),
    "fidelity": (
        "Fidelity",
        "Does the synthetic data look like the real data, one column, two columns and whole rows at a time?",
    ),
    "utility": ("Utility", "Does work done on the synthetic data come out as it would on the real data?"),
    "diversity": ("Diversity", "Is all of the real variety there, tails and rare categories too?"),
    "fairness": ("Fairness", "Are groups represented and treated as in the source?"),
    "validity": ("Validity", "Do rows keep the schema and its rules?"),
    "input": ("Inputs", "Could the tables be compared at all?"),
}

_ACRONYMS = {
    "c2st": "C2ST", "dcr": "DCR", "nndr": "NNDR", "ims": "IMS", "tstr": "TSTR", "trtr": "TRTR", "trts": "TRTS",
    "mmd": "MMD", "ks": "KS", "tv": "TV", "tvd": "TVD", "auc": "AUC", "tpr": "TPR", "fpr": "FPR", "cap": "CAP",
    "nist": "NIST", "sdmetrics": "SDMetrics", "auroc": "AUROC", "r2": "R²", "disco": "DiSCO", "repu": "repU",
}  # fmt: skip

SYMBOLS = {Outcome.PASS: "✓", Outcome.FAIL: "✕", Outcome.NOT_MEASURED: "?"}


def family_of(check: str) -> str:
    """Return the part of a check's name before the first dot."""
    return check.partition(".")[0]


def title_of(check: str) -> str:
    """Return a check's name as a title.

    Example:
        >>> title_of("privacy.exact_copies"), title_of("fidelity.c2st.linear")
        ('Exact copies', 'C2ST, linear')
    """
    parts = check.split(".")[1:] or [check]
    words = [" ".join(_ACRONYMS.get(word, word) for word in part.split("_")) for part in parts]
    text = ", ".join(words)
    return text[:1].upper() + text[1:]


def figure(value: float | None, unit: str = "") -> str:
    """Return a figure as text; an absent one is a dash, a share of something stays a fraction.

    Example:
        >>> figure(0.51234), figure(None)
        ('0.5123', '–')
    """
    return "–" if value is None else number(value) + (f" {unit}" if unit in ("rows", "columns", "s") else "")


def interval_words(finding: Finding) -> str:
    """Return a finding's interval as text, or an empty text."""
    if finding.interval is None:
        return ""
    return f"{number(finding.interval.low)} to {number(finding.interval.high)}"


def scope_words(scope: Sequence[str]) -> str:
    """Return the columns or groups a finding speaks of."""
    return " × ".join(scope)


def headline(verdict: Verdict) -> str:
    """Return the verdict in one sentence.

    Example:
        >>> prints = dict(synthetic_fingerprint="", real_fingerprint="", schema_fingerprint="")
        >>> headline(Verdict(outcome=Outcome.PASS, results=(), gate_set="share", **prints))
        'Passes every gate of "share".'
    """
    waived = sum(bool(result.waived_by) for result in verdict.results)
    silent = sum(r.outcome is Outcome.NOT_MEASURED and not r.stops and not r.waived_by for r in verdict.results)
    tail = f" {waived} waived by name." if waived else ""
    tail += f" {silent} not measured, and not required." if silent else ""
    if verdict.outcome is Outcome.PASS:
        start = "Passes every gate" if not waived else "Passes every gate that was not waived"
        return f'{start} of "{verdict.gate_set}".{tail}'
    failed = sum(result.outcome is Outcome.FAIL for result in verdict.failures)
    missing = len(verdict.failures) - failed
    parts = [f"{failed} failed"] * bool(failed) + [f"{missing} could not be measured"] * bool(missing)
    said = " and ".join(parts)
    return f'Not releasable under "{verdict.gate_set}": of {len(verdict.results)} gate results, {said}.{tail}'


def ordered(results: Sequence[GateResult]) -> list[GateResult]:
    """Return gate results with those that stop a release first, waived ones next, passes last."""
    rank = {Outcome.FAIL: 0, Outcome.NOT_MEASURED: 1, Outcome.PASS: 3}
    return sorted(
        results, key=lambda result: rank[result.outcome] if result.stops or result.outcome is Outcome.PASS else 2
    )
