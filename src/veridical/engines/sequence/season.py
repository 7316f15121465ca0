"""After how many steps does a series repeat itself, and where in the day, week and year does a moment lie?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from veridical.encode.panel import Layout, Numbers

MOST_LAGS = 400
CLEAR = 0.15
DAY_S = 86_400
LONG = 60  # steps
COMES_BACK = 0.4  # of the moves that a wanderer would make
_YEAR_DAYS = 365.2425


def seasons(levels: Mapping[str, Numbers], layout: Layout, most: int = 3) -> tuple[int, ...]:
    """Return the lags at which changes of the series clearly resemble themselves: the strongest, at most `most`.

    Peaks of the autocorrelation of changes, averaged over series and entities with three periods or more.
    """
    longest = int(min(MOST_LAGS, layout.lengths.max(initial=0) // 3))
    if longest < 4 or not levels:
        return ()
    total, seen = np.zeros(longest + 1), 0
    long = np.flatnonzero(layout.lengths >= 3 * min(longest, 12))[:50]
    for values in levels.values():
        for entity in long:
            part = values[layout.starts[entity] : layout.starts[entity + 1]]
            change = np.diff(part)
            if change.size < 12 or change.std() < 1e-12:
                continue
            found = autocorrelation(change, longest)
            total[: len(found)] += found
            seen += 1
    if not seen:
        return ()
    mean = total / seen
    inner = np.arange(3, longest)
    peaks = inner[(mean[inner] > mean[inner - 1]) & (mean[inner] >= mean[inner + 1]) & (mean[inner] > CLEAR)]
    ranked = sorted(peaks.tolist(), key=lambda lag: -mean[lag])
    kept: list[int] = []
    for lag in ranked:
        if all(lag % other or lag // other > 7 or lag == 7 * other for other in kept):
            kept.append(lag)
        if len(kept) == most:
            break
    return tuple(sorted(kept))


def comes_back(level: Numbers, layout: Layout) -> bool:
    """Say whether long series stay where they belong, so that changes alone, one after the other, would lead them away.

    Moves over a quarter of a series are put beside moves of a step: those of a wanderer add up (Cochrane 1988).

    Example:
        >>> steps = np.random.default_rng(0).normal(size=400)
        >>> one = Layout.of_lengths(np.array([400]))
        >>> comes_back(steps, one), comes_back(np.cumsum(steps), one)
        (True, False)
    """
    long = np.flatnonzero(layout.lengths >= LONG)[:200]
    far, near, weight = 0.0, 0.0, 0
    for entity in long:
        part = level[layout.starts[entity] : layout.starts[entity + 1]]
        over = len(part) // 4
        size = len(part)
        far += size * float(np.mean((part[over:] - part[:-over]) ** 2)) / over
        near += size * float(np.mean(np.diff(part) ** 2))
        weight += size
    return bool(weight >= 0.5 * layout.rows and near > 0 and far < COMES_BACK * near)


def autocorrelation(values: NDArray[np.float64], lags: int) -> NDArray[np.float64]:
    """Return the autocorrelation at lags 0 to `lags`, by the fast Fourier transform.

    Example:
        >>> autocorrelation(np.tile([1.0, -1.0], 50), 2).round(2).tolist()
        [1.0, -0.99, 0.98]
    """
    lags = min(lags, len(values) - 1)
    centred = values - values.mean()
    size = 1 << (2 * len(values) - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    found = np.fft.irfft(spectrum * np.conj(spectrum), size)[: lags + 1]
    return np.asarray(found / max(found[0], 1e-300), np.float64)


def calendar(seconds: Numbers, *, finest_s: float) -> dict[str, Numbers]:
    """Return where each moment (seconds since 1970) lies; parts finer than the series' own steps are left out.

    Example:
        >>> part = calendar(np.array([3600.0 * 30]), finest_s=3600)
        >>> float(part["hour"][0]), float(part["weekday"][0])
        (6.0, 4.0)
    """
    day = np.floor(seconds / DAY_S)
    stamps = day.astype("datetime64[D]")
    month_start = stamps.astype("datetime64[M]")
    found = {
        "month": (month_start.astype(np.int64) % 12 + 1).astype(np.float64),
        "day": (stamps - month_start).astype(np.float64) + 1,
        "year part": np.mod(day / _YEAR_DAYS, 1.0),
    }
    if finest_s < 6 * DAY_S:
        found["weekday"] = np.mod(day + 3, 7)
    if finest_s < DAY_S:
        found["hour"] = np.floor((seconds - day * DAY_S) / 3600)
    if finest_s < 3600:
        found["minute"] = np.floor(np.mod(seconds, 3600) / 60)
    return found


def waves(parts: Mapping[str, Numbers], *, span_s: float) -> dict[str, Numbers]:
    """Return smooth functions of the calendar, for a linear prediction; a year's wave only where a year was seen."""
    found: dict[str, Numbers] = {}
    periods = {"hour": 24.0, "weekday": 7.0}
    if span_s > 300 * DAY_S:
        periods["year part"] = 1.0
    for name, period in periods.items():
        if name not in parts:
            continue
        for harmonic in (1, 2):
            angle = 2 * np.pi * harmonic * parts[name] / period
            found[f"{name} sin {harmonic}"], found[f"{name} cos {harmonic}"] = np.sin(angle), np.cos(angle)
    return found
