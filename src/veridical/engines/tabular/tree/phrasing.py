"""Which wording makes a numeric column likeliest, and does it pay?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.schema import Column, Kind
from veridical.encode.numeric import NumericCodec
from veridical.engines.tabular.tree.wording import WIDEST, Values, Wording

SAMPLE_ROWS = 20_000
HEAVY = 1 / 64  # a value this common always keeps its own code
LEAST_ECHO = 0.01  # share of rows, beyond chance
LEAST_CORRELATION = 0.7
MOST_ECHOES = 3


def candidates(
    codec: NumericCodec,
    root: NDArray[np.float64],
    values: Values,
    sources: Mapping[int, Values],
    *,
    rare_below: int,
) -> list[Wording]:
    """Return wordings worth trying, from a sample of the column and of the earlier numeric ones (by place)."""
    if not np.isfinite(values).any() or np.nanmax(np.abs(values)) > WIDEST or not sources:
        return []
    light = np.diff(root) < HEAVY
    light[0] = False
    codes = codec.encode_numbers(np.nan_to_num(values))
    codes[np.isnan(values)] = 0
    free = light[codes]
    if free.mean() < 2 * LEAST_ECHO:
        return []
    echoes = _echoes(values, free, sources)
    found = [Wording(codec.size, light, echoes)] if echoes else []
    anchor = _anchor(values, free, sources)
    if anchor is not None:
        apart = (values - sources[anchor])[free]
        for at in echoes:
            apart = np.where(values[free] == sources[at][free], np.nan, apart)
        apart = apart[np.isfinite(apart)]
        if len(apart) >= 50 * rare_below:
            kind = Column(name=codec.name, kind=Kind.DECIMAL, storage="float64", step=codec.grid)
            residual = NumericCodec.fit(pa.array(apart), kind, rare_below)
            found.append(Wording(codec.size, light, echoes, anchor, residual))
    return found


def _echoes(values: Values, free: NDArray[np.bool_], sources: Mapping[int, Values]) -> tuple[int, ...]:
    """Return the sources that the column repeats, one after the other, each by what it adds."""
    open_rows = free.copy()
    chosen: list[int] = []
    while len(chosen) < MOST_ECHOES:
        gains = {at: _excess(values, source, open_rows) for at, source in sources.items() if at not in chosen}
        best = max(gains, key=lambda at: gains[at], default=None)
        if best is None or gains[best] < LEAST_ECHO:
            break
        chosen.append(best)
        open_rows &= values != sources[best]
    return tuple(chosen)


def _excess(values: Values, source: Values, rows: NDArray[np.bool_]) -> float:
    mine, theirs = values[rows], source[rows]
    if len(mine) < 20:
        return 0.0
    shifted = np.roll(theirs, len(theirs) // 3 + 1)  # what chance alone would give
    return float(((mine == theirs).sum() - (mine == shifted).sum()) / len(values))


def _anchor(values: Values, free: NDArray[np.bool_], sources: Mapping[int, Values]) -> int | None:
    best, top = None, LEAST_CORRELATION
    mine = values[free]
    spread = _spread(mine)
    for at, source in sources.items():
        theirs = source[free]
        both = np.isfinite(theirs)
        if both.mean() < 0.8:
            continue
        closeness = 1.0 - _spread((mine - theirs)[both]) / spread if spread > 0 else 0.0
        if closeness > top:
            best, top = at, closeness
    return best


def _spread(values: Values) -> float:
    if not len(values):
        return 0.0
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low)


def widths(codec: NumericCodec, wording: Wording) -> NDArray[np.float64]:
    """Return how many grid points each code stands for, so that wordings compare by likelihood per point."""
    own = codec.points()
    rest = np.ones(len(wording.echoes))
    if wording.residual is None:
        return np.concatenate([own, rest])
    return np.concatenate([own, rest, wording.residual.points(codec.grid)])
