"""Which columns give the synthetic data away, and how do models trained on it fare, drawn from findings' detail?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from veridical.core.finding import Finding
from veridical.reports.charts import curve_chart, meter

MIN_DRIVER = 0.01  # of the area under the curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """One column by which a model tells synthetic rows from real ones, and how much of the curve's area it is worth."""

    name: str
    share: float
    bar: Markup
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Lines over a common axis, with their names in drawing order."""

    sentence: str
    names: tuple[str, ...]
    chart: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanations:
    """What a page draws beside its tables."""

    c2st_sentence: str = ""
    drivers: tuple[Driver, ...] = ()
    curves: tuple[Curve, ...] = ()


def explanations_of(findings: Sequence[Finding]) -> Explanations:
    """Return what the findings' detail explains; parts that no finding carries stay empty."""
    c2st = next((f for f in findings if f.check == "fidelity.c2st" and f.measured), None)
    diagnosis = next((f for f in findings if f.check == "fidelity.diagnosis" and f.measured), None)
    return Explanations(
        c2st_sentence=" ".join(f.sentence for f in (c2st, diagnosis) if f is not None),
        drivers=tuple(_drivers(findings)),
        curves=tuple(_curves(findings)),
    )


def _drivers(findings: Sequence[Finding]) -> list[Driver]:
    for finding in findings:
        weights = finding.detail.get("importance")
        if finding.check == "fidelity.diagnosis" and isinstance(weights, Mapping):
            largest = max((float(weight) for weight in weights.values()), default=0.0)
            ordered = sorted(((name, float(weight)) for name, weight in weights.items()), key=lambda item: -item[1])
            kept = [(name, weight) for name, weight in ordered[:10] if weight >= MIN_DRIVER]
            return [Driver(name=name, share=weight, bar=meter(weight / largest)) for name, weight in kept]
    return []


def _curves(findings: Sequence[Finding]) -> list[Curve]:
    """Lines over the amount of synthetic rows added, one for each amount of real rows (the ablation)."""
    by_check = {finding.check: finding for finding in findings if finding.measured}
    lines: dict[str, list[tuple[float, float]]] = {}
    sentence = ""
    for check, finding in by_check.items():
        if not check.startswith("utility.ablation."):
            continue
        real, synthetic = float(finding.detail.get("real", 0)), float(finding.detail.get("synthetic", 0))
        lines.setdefault(f"{real:.0%} of the real rows", []).append((synthetic, float(finding.value or 0.0)))
        sentence = "How well a model does on real held-out rows, by how many synthetic rows (per real one) are added."
    if not sentence:
        return []
    trtr = by_check.get("utility.ablation.real_1_synthetic_0")
    if trtr is not None:
        furthest = max(x for line in lines.values() for x, _ in line)
        lines["all real rows alone"] = [(0.0, float(trtr.value or 0.0)), (furthest, float(trtr.value or 0.0))]
    series = [(name, f"line-{i % 4}", sorted(line)) for i, (name, line) in enumerate(lines.items())]
    return [Curve(sentence=sentence, names=tuple(lines), chart=curve_chart(series, sentence))]
