"""Which numeric column is another one in other terms: its logarithm, its square, in another unit?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from veridical.profile.facts import Floats

LEAST_KNOWN = 12  # probes that must be known
LEAST_DISTINCT = 6  # values of either column, below which two numbers fit a line by chance
FINEST = 40.0  # units of the target's grid that its values must span: a coarse one fits many lines
DIGITS = 9  # of a line's slope and height
SINGLE = 1.2e-7  # what float32 leaves of a number, as a share of it


@dataclass(frozen=True, slots=True)
class Transformed:
    """Column `target` is an expression of column `source`; `operator` is "square", "log" or "line"."""

    target: str
    source: str
    expression: str
    operator: str


_CURVES: Mapping[str, tuple[str, Callable[[Floats], Floats]]] = {
    "square": ("{0} * {0}", np.square),
    "log": ("log({0})", np.log),
    "log1p": ("log(1 + {0})", np.log1p),
    "log10": ("log10({0})", np.log10),
    "sqrt": ("sqrt({0})", np.sqrt),
}


def candidates(probes: Floats, names: Sequence[str], spelled: Sequence[str], slack: Floats) -> Iterator[Transformed]:
    """Yield what a few rows leave open, shape (columns, rows); `slack` is what rounding leaves of each column."""
    varied = [len(np.unique(row[np.isfinite(row)])) >= LEAST_DISTINCT for row in probes]
    usable = [index for index, many in enumerate(varied) if many]
    for target in usable:
        wanted = probes[target]
        for source in usable:
            if source == target:
                continue
            known = np.isfinite(wanted) & np.isfinite(probes[source])
            if known.sum() < LEAST_KNOWN:
                continue
            y, x = wanted[known], probes[source][known]
            for operator, text in _fitting(y, x, float(slack[target])):
                yield Transformed(names[target], names[source], text.format(spelled[source]), operator)


def _fitting(y: Floats, x: Floats, slack: float) -> Iterator[tuple[str, str]]:
    for operator, (text, curve) in _CURVES.items():
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            computed = curve(x)
        if _agrees(y, computed, slack):
            yield ("square" if operator == "square" else "log"), text
            return
    line = _line(y, x, slack)
    if line is not None:
        yield "line", line


def _agrees(y: Floats, computed: Floats, slack: float) -> bool:
    known = np.isfinite(computed)
    near = np.abs(computed - y)[known] <= slack + 1e-9 * np.abs(y[known])
    return bool(np.all(near) and known.sum() >= LEAST_KNOWN and len(np.unique(y[known])) >= LEAST_DISTINCT)


def _line(y: Floats, x: Floats, slack: float) -> str | None:
    """Return the line through the two ends, when all the others lie on it and its numbers are short."""
    first, last = int(np.argmin(x)), int(np.argmax(x))
    if np.ptp(y) < FINEST * slack or x[last] == x[first]:
        return None
    slope = float((y[last] - y[first]) / (x[last] - x[first]))
    if not _agrees(y, y[first] + slope * (x - x[first]), 4 * slack):
        return None
    # Either way the slope is as exact as the wider spread of the two lets it be: a short one is the true one.
    for digits in range(1, DIGITS + 1):
        for short in dict.fromkeys(
            (float(f"{slope:.{digits}g}"), 1 / float(f"{1 / slope:.{digits}g}") if slope else 0.0)
        ):
            height = float(f"{np.median(y - short * x):.{DIGITS + 3}g}")
            for level in dict.fromkeys((0.0, float(f"{height:.{digits}g}"), height)):
                if short and (short, level) != (1.0, 0.0) and _agrees(y, short * x + level, slack):
                    return _spell(short, level)
    return None


def _spell(slope: float, level: float) -> str:
    inverse = 1 / slope
    by = f"{{0}} / {_short(inverse)}" if len(_short(inverse)) < len(_short(slope)) else f"{{0}} * {_short(slope)}"
    text = "{0}" if slope == 1 else by
    return text if level == 0 else f"{text} {'+' if level > 0 else '-'} {_short(abs(level))}"


def _short(value: float) -> str:
    text = f"{value:.{DIGITS + 3}g}"
    return text if "e" not in text else f"{value:.15f}".rstrip("0")
