"""Can a judge be trusted: does it agree with people, and does it favour places, length or its own kind?

A judge without such a record is uncalibrated, and every report says so.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from veridical.core.errors import DataError
from veridical.core.proportion import wilson
from veridical.core.rng import stream
from veridical.store.runfolder import write_json

Numbers = NDArray[np.float64]
LEAST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure with its 95 % interval and the number of records it rests on."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What is known of a judge.

    `kappa` is Cohen's, quadratic weights for grades, against people's labels. `position` is the share of pairs in which
    it took the same place both times the pair was shown (0 is without bias), `length` the change of its grade a
    doubling of the length at equal label, `own` how much better it grades its own model's texts at equal label. What
    was not measured is None.
    """

    kappa: Figure
    position: Figure | None = None
    length: Figure | None = None
    own: Figure | None = None

    @property
    def trusted(self) -> bool:
        """Whether agreement is surely above 0.4 (Landis and Koch 1977: "moderate" begins there)."""
        return self.kappa.low > 0.4 and self.kappa.n >= LEAST

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-like data."""
        return {**asdict(self), "trusted": self.trusted}


def calibrate(
    grades: Sequence[float],
    labels: Sequence[float],
    *,
    lengths: Sequence[int] | None = None,
    own: Sequence[bool] | None = None,
    firsts: Sequence[tuple[str, str]] | None = None,
    seed: int = 0,
) -> Calibration:
    """Return how a judge's grades stand to people's labels of the same records.

    `lengths` are the records' words, `own` whether the judge's own model wrote them; `firsts` are the winners
    ("first", "second", "tie") of each pair as shown and swapped.

    Raises:
        ValueError: the sequences differ in length, or are empty.
    """
    one, two = np.asarray(grades, np.float64), np.asarray(labels, np.float64)
    if one.size != two.size or one.size == 0:
        raise ValueError("as many grades as labels are needed, and one at least")
    rng = stream(seed, "judge", "calibration")
    draws = rng.integers(0, one.size, size=(1000, one.size))
    resampled = np.sort([weighted_kappa(one[draw], two[draw]) for draw in draws])
    value = weighted_kappa(one, two)
    kappa = Figure(value=value, low=float(resampled[24]), high=float(resampled[974]), n=one.size)
    residual = one - _expected(one, two)
    return Calibration(
        kappa=kappa,
        position=None if firsts is None else position_bias(firsts),
        length=None
        if lengths is None
        else _slope(residual, np.log2(np.maximum(np.asarray(lengths, np.float64), 1.0)), two),
        own=None if own is None else _gap(residual, np.asarray(own, bool)),
    )


def write_calibration(found: Calibration, path: Path, judge: Mapping[str, Any]) -> None:
    """Write what is known of a judge, for the option `calibration` of the check `judge`.

    `judge` says which one: what `Judge.about` holds, and its "models".
    """
    write_json(path, {**found.to_dict(), "judge": dict(judge)})


def is_trusted(path: Path, judge: Mapping[str, Any]) -> bool:
    """Return whether a calibration file shows that this very judge agrees with people.

    Raises:
        DataError: there is no such file, or it is no calibration.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        trusted, about = bool(known["trusted"]), dict(known["judge"])
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(
            "this is no calibration of a judge", where=path.name, fix="write one: `veridical text calibrate`"
        ) from None
    return trusted and all(about.get(name) == value for name, value in judge.items())


def weighted_kappa(one: Numbers, two: Numbers) -> float:
    """Return Cohen's kappa with quadratic weights (Cohen 1968); for two classes it is the plain one.

    Example:
        >>> weighted_kappa(np.array([1.0, 2, 3]), np.array([1.0, 2, 3]))
        1.0
    """
    observed = float(((one - two) ** 2).mean())
    # The mean over all pairs of records, by moments.
    expected = float((one**2).mean() + (two**2).mean() - 2 * one.mean() * two.mean())
    return 1.0 if expected == 0 and observed == 0 else 1 - observed / expected if expected else 0.0


def position_bias(pairs: Sequence[tuple[str, str]]) -> Figure:
    """Return the share of pairs in which the same place won both times, with Wilson's interval.

    Example:
        >>> position_bias([("first", "first"), ("first", "second")]).value
        0.5
    """
    same = sum(one == two and one != "tie" for one, two in pairs)
    sure = wilson(same, len(pairs))
    return Figure(value=same / max(1, len(pairs)), low=sure.low, high=sure.high, n=len(pairs))


def _expected(grades: Numbers, labels: Numbers) -> Numbers:
    """Return the mean grade of each record's label: what bias is measured from."""
    values, place = np.unique(labels, return_inverse=True)
    means = np.bincount(place, grades, minlength=values.size) / np.bincount(place, minlength=values.size)
    return means[place]


def _slope(residual: Numbers, lengths: Numbers, labels: Numbers) -> Figure:
    within = lengths - _expected(lengths, labels)
    total = float(within @ within)
    if total == 0 or residual.size < 3:
        return Figure(value=0.0, low=-math.inf, high=math.inf, n=residual.size)
    slope = float(within @ residual) / total
    rest = residual - slope * within
    error = math.sqrt(float(rest @ rest) / (residual.size - 2) / total)
    return Figure(value=slope, low=slope - 1.96 * error, high=slope + 1.96 * error, n=residual.size)


def _gap(residual: Numbers, own: NDArray[np.bool_]) -> Figure:
    mine, others = residual[own], residual[~own]
    if mine.size < 2 or others.size < 2:
        return Figure(value=0.0, low=-math.inf, high=math.inf, n=int(mine.size))
    gap = float(mine.mean() - others.mean())
    error = math.sqrt(float(mine.var(ddof=1)) / mine.size + float(others.var(ddof=1)) / others.size)
    return Figure(value=gap, low=gap - 1.96 * error, high=gap + 1.96 * error, n=residual.size)
