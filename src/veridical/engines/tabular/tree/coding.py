"""What codes do the columns of a prepared table have, and which coarser ones tell other columns apart?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.schema import Column
from veridical.encode.category import CategoryCodec
from veridical.encode.codes import Codec, Codes
from veridical.encode.numeric import NumericCodec

MOST_ORDERED_BINS = 255
MOST_NOMINAL_BINS = 1024


def fit_codec(values: pa.ChunkedArray, column: Column, rare_below: int) -> Codec:
    """Return the codec of one prepared column."""
    whole = one_chunk(values)
    if pa.types.is_dictionary(whole.type) or pa.types.is_string(whole.type):
        return CategoryCodec.fit(whole, column, rare_below)
    return NumericCodec.fit(whole, column, rare_below)


def one_chunk(values: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return the values as one array."""
    if isinstance(values, pa.Array):
        return values
    if pa.types.is_dictionary(values.type):
        values = values.unify_dictionaries()
    if values.num_chunks == 1:
        return values.chunk(0)
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def coarse_map(codec: Codec, codes: Codes) -> Codes:
    """Return the predictor bin of each code: at most 255 ordered ones of equal mass, or 1024 nominal ones."""
    size = codec.size
    if not codec.ordered:
        return np.minimum(np.arange(size), MOST_NOMINAL_BINS - 1).astype(np.uint16)
    if size <= MOST_ORDERED_BINS:
        return np.arange(size, dtype=np.uint16)
    tally = np.bincount(codes, minlength=size)[1:].astype(np.float64)
    share = tally / max(1.0, tally.sum())
    heavy = share >= 1.0 / MOST_ORDERED_BINS
    room = max(1, MOST_ORDERED_BINS - 1 - 2 * int(heavy.sum()))
    light = np.where(heavy, 0.0, share)
    slot = np.floor(np.cumsum(light) / max(light.sum(), 1e-12) * room * (1 - 1e-12))
    # A heavy code starts a bin, and so does the code after it.
    begins = np.zeros(size - 1, dtype=bool)
    begins[1:] = (np.diff(slot) > 0) | heavy[1:] | heavy[:-1]
    return np.concatenate([[0], 1 + np.cumsum(begins)]).astype(np.uint16)


def tables(bins: Sequence[Codes]) -> list[int]:
    """Return how many predictor bins each map has."""
    return [int(each.max(initial=0)) + 1 for each in bins]


def uniforms(rng: np.random.Generator, rows: int) -> NDArray[np.float64]:
    """Return numbers in [0, 1)."""
    return rng.random(rows)
