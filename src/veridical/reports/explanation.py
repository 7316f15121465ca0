"""Which columns give the synthetic data away, and how do models trained on it fare, drawn from findings' detail?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from veridical.core.finding import Finding
from veridical.reports.charts import curve_chart, meter


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """One column (or pair) by which a model tells synthetic rows from real ones, and its share of the work."""

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
    return Explanations(
        c2st_sentence="" if c2st is None else c2st.sentence,
        drivers=tuple(_drivers(findings)),
        curves=tuple(_curves(findings)),
    )


def _drivers(findings: Sequence[Finding]) -> list[Driver]:
    for finding in findings:
        weights = finding.detail.get("importance")
        if finding.check.startswith(("fidelity.c2st", "fidelity.diagnosis")) and isinstance(weights, Mapping):
            total = sum(float(weight) for weight in weights.values()) or 1.0
            shares = sorted(((name, float(weight) / total) for name, weight in weights.items()), key=lambda i: -i[1])
            return [Driver(name=name, share=share, bar=meter(share)) for name, share in shares[:10] if share > 0]
    return []


def _curves(findings: Sequence[Finding]) -> list[Curve]:
    drawn = []
    for finding in findings:
        curve = finding.detail.get("curve")
        if isinstance(curve, Mapping) and curve:
            series = [(name, f"line-{i % 4}", _points(points)) for i, (name, points) in enumerate(curve.items())]
            chart = curve_chart(series, finding.sentence if finding.sentence else finding.check)
            drawn.append(Curve(sentence=finding.sentence, names=tuple(curve), chart=chart))
    return drawn


def _points(points: Any) -> list[tuple[float, float]]:
    return sorted((float(x), float(y)) for x, y in points)
