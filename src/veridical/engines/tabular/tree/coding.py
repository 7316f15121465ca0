"""What codes do the columns of a prepared table have, and which coarser ones tell other columns apart?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.chunks import one_array
from veridical.core.schema import Column
from veridical.encode.category import CategoryCodec
from veridical.encode.codes import Codec, Codes, tally
from veridical.encode.numeric import FEW_RECORDS, NumericCodec

MOST_ORDERED_BINS = 255
MOST_NOMINAL_BINS = 1024


NARROW = 8  # columns up to which a table is narrow: few values make a row, and what repeats them closely repeats rows


def fit_codec(values: pa.ChunkedArray, column: Column, rare_below: int, *, narrow: bool = False) -> Codec:
    """Return the codec of one prepared column; those of a narrow table have ranges of many records at any size."""
    whole = one_array(values)
    if pa.types.is_dictionary(whole.type) or pa.types.is_string(whole.type):
        return CategoryCodec.fit(whole, column, rare_below)
    return NumericCodec.fit(whole, column, rare_below, per_range=FEW_RECORDS if narrow else None)


def coarse_map(codec: Codec, codes: Codes) -> Codes:
    """Return the predictor bin of each code: at most 255 ordered ones of equal mass, or 1024 nominal ones."""
    size = codec.size
    if not codec.ordered:
        return np.minimum(np.arange(size), MOST_NOMINAL_BINS - 1).astype(np.uint16)
    if size <= MOST_ORDERED_BINS:
        return np.arange(size, dtype=np.uint16)
    held = tally(codes, size)[1:].astype(np.float64)
    share = held / max(1.0, held.sum())
    heavy = share >= 1.0 / MOST_ORDERED_BINS
    room = max(1, MOST_ORDERED_BINS - 1 - 2 * int(heavy.sum()))
    return np.concatenate([[0], 1 + ranges(share, heavy, room)]).astype(np.uint16)


def ranges(share: NDArray[np.float64], heavy: NDArray[np.bool_], room: int) -> NDArray[np.intp]:
    """Return the range of each ordered code: heavy ones alone, the others in `room` ranges of equal mass."""
    light = np.where(heavy, 0.0, share)
    slot = np.floor(np.cumsum(light) / max(light.sum(), 1e-12) * room * (1 - 1e-12))
    # A heavy code starts a range, and so does the code after it.
    begins = np.zeros(len(share), dtype=bool)
    begins[1:] = (np.diff(slot) > 0) | heavy[1:] | heavy[:-1]
    return np.cumsum(begins)
