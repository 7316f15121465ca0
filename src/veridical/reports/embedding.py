"""Where do real and synthetic rows lie on one map of the data?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from veridical.core.contracts import Evidence
from veridical.core.schema import CATEGORY_KINDS, NUMERIC_KINDS, TEMPORAL_KINDS, Kind
from veridical.reports.audience import Audience
from veridical.reports.axes import as_numbers, as_text

Floats = npt.NDArray[np.float64]

MAX_ROWS = 20_000
MAX_TEXTS = 5_000
MAX_LEVELS = 12
GRID = 28
MAX_POINTS = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class MapView:
    """A 2-D map: densities on a grid (row by row, shares), and points where the reader may see them.

    `explained` is the share of variance that the two axes carry.
    """

    grid: int
    real: tuple[float, ...]
    synthetic: tuple[float, ...]
    real_points: tuple[tuple[float, float], ...] = ()
    synthetic_points: tuple[tuple[float, float], ...] = ()
    explained: float = 0.0


def map_view(evidence: Evidence, audience: Audience, rng: np.random.Generator) -> MapView | None:
    """Return the map, or None when nothing can be mapped or the reader may not see the real side.

    Numbers become normal scores of their ranks, categories standardised indicators, nulls an indicator; where texts
    are all there is besides categories, their sentence embeddings are mapped instead. The map is the plane of the
    first two principal components of real rows.
    """
    if audience.private:
        return None
    real, synthetic = (_sampled(data.only, rng) for data in (evidence.train, evidence.synthetic))
    features = _features(evidence, real, synthetic)
    if features is None:
        return None
    ours, theirs = features
    mean = ours.mean(axis=0)
    _, values, directions = np.linalg.svd(_thinned(ours - mean, rng), full_matrices=False)
    # One column, or one row, spans a line: the second axis is then flat.
    flat = np.zeros((ours.shape[1], 2))
    flat[:, : len(directions[:2])] = directions[:2].T
    one, two = (ours - mean) @ flat, (theirs - mean) @ flat
    # The frame ends at the 0.5 % and 99.5 % quantiles: an outlying person does not set it.
    low, high = np.quantile(one, 0.005, axis=0), np.quantile(one, 0.995, axis=0)
    scale = np.where(high > low, high - low, 1.0)
    one, two = ((np.clip((points - low) / scale, -0.08, 1.08) + 0.08) / 1.16 for points in (one, two))
    total = float((values**2).sum())
    return MapView(
        grid=GRID,
        real=_density(one, audience, len(one)),
        synthetic=_density(two, audience, len(one)),
        real_points=_points(one, rng) if audience.inside else (),
        synthetic_points=_points(two, rng) if audience.inside else (),
        explained=float((values[:2] ** 2).sum() / total) if total > 0 else 0.0,
    )


def _sampled(table: pa.Table, rng: np.random.Generator) -> pa.Table:
    if table.num_rows <= MAX_ROWS:
        return table
    return table.take(pa.array(np.sort(rng.choice(table.num_rows, MAX_ROWS, replace=False))))


def _thinned(rows: Floats, rng: np.random.Generator) -> Floats:
    return rows if len(rows) <= 4000 else rows[rng.choice(len(rows), 4000, replace=False)]


def _features(evidence: Evidence, real: pa.Table, synthetic: pa.Table) -> tuple[Floats, Floats] | None:
    ours: list[Floats] = []
    theirs: list[Floats] = []
    columns = evidence.schema.only.columns
    texts = [column.name for column in columns if column.kind is Kind.TEXT]
    if texts and not any(column.kind in NUMERIC_KINDS | TEMPORAL_KINDS for column in columns):
        meanings = _meanings(real[texts[0]]), _meanings(synthetic[texts[0]])
        if meanings[0] is not None and meanings[1] is not None:
            return meanings[0], meanings[1]
    for column in columns:
        pair: tuple[Floats, Floats] | None = None
        if column.kind in NUMERIC_KINDS | TEMPORAL_KINDS:
            pair = _scores(real[column.name], synthetic[column.name])
        elif column.kind in CATEGORY_KINDS:
            pair = _indicators(real[column.name], synthetic[column.name])
        if pair is not None:
            ours.append(pair[0])
            theirs.append(pair[1])
    if not ours:
        return None
    return np.hstack(ours), np.hstack(theirs)


def _meanings(texts: pa.ChunkedArray) -> Floats | None:
    """Return the sentence embeddings of texts; None where there are too many, or no embedder."""
    from veridical.core.errors import MissingExtraError
    from veridical.curate.sentence import embed

    if not 0 < len(texts) <= MAX_TEXTS:
        return None
    try:
        return np.asarray(embed([str(text or "") for text in texts.to_pylist()]), float)
    except MissingExtraError:
        return None


def _scores(real: pa.ChunkedArray, synthetic: pa.ChunkedArray) -> tuple[Floats, Floats] | None:
    from scipy.special import ndtri

    try:
        one, two = as_numbers(real), as_numbers(synthetic)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    ordered = np.sort(one[~np.isnan(one)])
    if not len(ordered):
        return None

    def score(values: Floats) -> Floats:
        rank = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2
        found = ndtri(np.clip((rank + 0.5) / (len(ordered) + 1), 1e-4, 1 - 1e-4))
        return np.asarray(np.where(np.isnan(values), 0.0, found)).reshape(-1, 1)

    return score(one), score(two)


def _indicators(real: pa.ChunkedArray, synthetic: pa.ChunkedArray) -> tuple[Floats, Floats]:
    one, two = as_text(real), as_text(synthetic)
    counts = sorted(one.value_counts().to_pylist(), key=lambda row: (-row["counts"], str(row["values"])))
    levels = [row["values"] for row in counts[:MAX_LEVELS] if row["values"] is not None]
    left, right = np.array(one.to_pylist(), dtype=object), np.array(two.to_pylist(), dtype=object)
    hot = [np.column_stack([side == level for level in levels] or [np.zeros(len(side))]) for side in (left, right)]
    share = hot[0].mean(axis=0)
    # Divided so that a whole column weighs about as much as one number does.
    spread = np.sqrt(np.maximum(share * (1 - share), 1e-6) * max(len(levels), 1))
    return hot[0] / spread, hot[1] / spread


def _density(points: Floats, audience: Audience, real_rows: int) -> tuple[float, ...]:
    cells = np.minimum((points * GRID).astype(np.int64), GRID - 1)
    counts = np.bincount(cells[:, 1] * GRID + cells[:, 0], minlength=GRID * GRID)
    counts = audience.shown_beside(counts, real_rows)
    return tuple(round(float(share), 5) for share in counts / max(int(counts.sum()), 1))


def _points(points: Floats, rng: np.random.Generator) -> tuple[tuple[float, float], ...]:
    chosen = points if len(points) <= MAX_POINTS else points[rng.choice(len(points), MAX_POINTS, replace=False)]
    return tuple((round(float(x), 3), round(float(y), 3)) for x, y in chosen)
