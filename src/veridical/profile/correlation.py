"""How do the columns move together?"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist

import numpy as np

from veridical.core.schema import CATEGORY_KINDS, NUMERIC_KINDS, TEMPORAL_KINDS, Kind
from veridical.profile.facts import Floats
from veridical.profile.sample import Sample

MOST_COLUMNS = 300
NEAR_ZERO = 0.02


def correlations(sample: Sample) -> dict[str, float]:
    """Return "a|b" -> correlation of the columns' normal scores, for pairs that are not near zero.

    Numbers and times are scored by mid-rank, ordinals and booleans by their order, other categories by mid-rank
    of their order of shares (most frequent first, ties by text). Rows where either is null are left out.
    """
    names, scores = [], []
    for column in sample.columns[:MOST_COLUMNS]:
        if column.kind in NUMERIC_KINDS | TEMPORAL_KINDS:
            values = sample.numbers(column.name)
        elif column.kind in CATEGORY_KINDS:
            values = _category_ranks(
                sample, column.name, column.categories if column.kind is not Kind.CATEGORY else None
            )
        else:
            continue
        if values is not None and np.unique(values[~np.isnan(values)]).size > 1:
            names.append(column.name)
            scores.append(_normal_scores(values))
    if len(names) < 2:
        return {}
    matrix = _pairwise(np.array(scores))
    found = {}
    for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
        if abs(matrix[i, j]) >= NEAR_ZERO:
            found[f"{names[i]}|{names[j]}"] = round(float(matrix[i, j]), 4)
    return found


def _category_ranks(sample: Sample, name: str, order: tuple[str, ...] | None) -> Floats:
    codes = sample.codes(name)
    texts = sample.table.column(name).unique().cast("string").to_pylist() if order else None
    counts = np.bincount(codes[codes >= 0], minlength=int(codes.max(initial=-1)) + 1)
    if order and texts is not None:
        places = {text: place for place, text in enumerate(order)}
        present = [text for text in texts if text is not None]
        ranks = np.array([places.get(text, len(order)) for text in present], dtype=np.float64)
    else:
        ranks = np.empty(len(counts))
        ranks[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return np.where(codes >= 0, ranks[codes] if len(ranks) else np.nan, np.nan)


def _normal_scores(values: Floats) -> Floats:
    known = ~np.isnan(values)
    _, inverse, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    middles = (np.cumsum(counts) - counts / 2) / counts.sum()
    scores = np.full(len(values), np.nan)
    scores[known] = _scores_at(middles.tobytes())[inverse]
    return scores


@lru_cache(maxsize=8)
def _scores_at(middles: bytes) -> Floats:
    """Return the normal scores of shares (Wichura 1988); columns without ties share theirs."""
    return np.array([NormalDist().inv_cdf(share) for share in np.frombuffer(middles).tolist()])


def _pairwise(scores: Floats) -> Floats:
    known = (~np.isnan(scores)).astype(np.float64)
    filled = np.nan_to_num(scores)
    both = np.maximum(known @ known.T, 1.0)
    mean = filled @ known.T / both  # mean of row i where j is known too
    cross = filled @ filled.T / both - mean * mean.T
    spread = (filled**2) @ known.T / both - mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        result = cross / np.sqrt(spread * spread.T)
    return np.clip(np.nan_to_num(result), -1.0, 1.0)
