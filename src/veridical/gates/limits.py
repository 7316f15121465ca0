"""Between which figures must this finding lie, and how is that said in words?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from veridical.core.finding import Finding, Gate


@dataclass(frozen=True, slots=True)
class Bounds:
    """The lowest and the highest figure that a gate lets through; None: no limit on that side."""

    low: float | None
    high: float | None

    @property
    def set(self) -> bool:
        """Whether there is any limit."""
        return self.low is not None or self.high is not None

    def hold(self, value: float) -> bool:
        """Return whether a figure lies within."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def beyond(self, low: float, high: float) -> bool:
        """Return whether a whole interval lies outside, all on one side."""
        return (self.low is not None and high < self.low) or (self.high is not None and low > self.high)


def bounds_of(gate: Gate, finding: Finding) -> Bounds | None:
    """Return the bounds of a gate for a finding; None when it is relative to a figure the finding lacks.

    Example:
        >>> from veridical.core.finding import Direction
        >>> c2st = Finding(check="c.d", value=0.6, n=9, direction=Direction.CEILING, ceiling=0.5)
        >>> bounds_of(Gate(check="c.d", why="w", at_most=0.25, relative_to="ceiling"), c2st)
        Bounds(low=None, high=0.75)
    """
    anchor: float | None = 0.0
    if gate.relative_to == "ceiling":
        anchor = finding.ceiling
    elif gate.relative_to == "baseline":
        anchor = finding.baseline
    if anchor is None or math.isnan(anchor):
        return None
    return Bounds(
        low=None if gate.at_least is None else anchor + gate.at_least,
        high=None if gate.at_most is None else anchor + gate.at_most,
    )


def describe(gate: Gate, bounds: Bounds | None) -> str:
    """Return the limit in words and figures.

    Example:
        >>> describe(Gate(check="a.b", why="w", at_most=0.02, relative_to="ceiling"), Bounds(None, 0.521))
        'at most 0.521 (ceiling + 0.02)'
    """
    parts = []
    sides = ((gate.at_least, "at least", "low"), (gate.at_most, "at most", "high"))
    for margin, words, end in sides:
        if margin is None:
            continue
        relation = "" if gate.relative_to == "absolute" else f"{gate.relative_to} {'+' if margin >= 0 else '-'} "
        figure = None if bounds is None else getattr(bounds, end)
        if not relation:
            parts.append(f"{words} {number(margin)}")
        elif figure is None:
            parts.append(f"{words} {relation}{number(abs(margin))}")
        else:
            parts.append(f"{words} {number(figure)} ({relation}{number(abs(margin))})")
    if gate.p_below is not None:
        parts.append(f"{'and ' if parts else ''}p not below {number(gate.p_below)}")
    return " ".join(parts)


def side(finding: Finding, bounds: Bounds) -> str:
    """Return the figure and on which side of the limit it lies, in words."""
    value = float(finding.value or 0.0)
    if bounds.high is not None and value > bounds.high:
        return f"{number(value)} is {number(value - bounds.high)} above"
    if bounds.low is not None and value < bounds.low:
        return f"{number(value)} is {number(bounds.low - value)} below"
    return f"{number(value)} is within"


def number(value: float) -> str:
    """Return a figure in four significant digits (two where it is small), without an exponent where one can do without.

    Example:
        >>> number(0.52134), number(12345.6), number(0.0), number(0.000016667)
        ('0.5213', '12,346', '0', '0.000017')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) >= 0.01:
        return f"{value:.4g}"
    places = 1 - math.floor(math.log10(abs(value)))
    return f"{value:.{places}f}".rstrip("0") if places < 9 else f"{value:.2g}"
