"""How does a row become numbers for linear models and kernels?"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from veridical.measures.view import Side, View

MOST_LEVELS = 20


def design_of(
    view: View, side: Side, *, levels: int = MOST_LEVELS, without: tuple[int, ...] = ()
) -> NDArray[np.float32]:
    """Return rows x features: numbers as normal scores of train's bins, missing flags, categories one by one.

    A category's features are scaled so that two different categories lie as far apart as numbers do that differ
    by one standard deviation.
    """
    blocks: list[NDArray[np.float32]] = []
    for place, coding in enumerate(view.codings):
        if place in without:
            continue
        if coding.is_number:
            table = view.once(("score", place), partial(_normal_scores, view, place))
            blocks.append(table[side.bins[place]][:, None])
        else:
            width = min(coding.levels, levels) + 2
            kept = np.minimum(np.arange(coding.width), width - 2)
            kept[-1] = width - 1
            blocks.append((np.eye(width, dtype=np.float32) * np.float32(0.7071))[kept[side.bins[place]]])
        if coding.is_number and bool((view.train.bins[place] == coding.width - 1).any()):
            blocks.append((side.bins[place] == coding.width - 1).astype(np.float32)[:, None])
    return np.concatenate(blocks, axis=1)


def _normal_scores(view: View, place: int) -> NDArray[np.float32]:
    """Return the normal score of each bin's middle rank in train; missing stands in the middle."""
    from scipy.special import ndtri

    width = view.codings[place].width
    counts = np.bincount(view.train.bins[place], minlength=width)[:-1].astype(np.float64)
    ranks = (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1.0)
    scores = ndtri(np.clip(ranks, 1e-4, 1 - 1e-4))
    return np.r_[scores, 0.0].astype(np.float32)
