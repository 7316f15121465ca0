"""Which code stands for which category, and which categories are too rare to be emitted?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from veridical.core.contracts import Allowed
from veridical.core.errors import ConstraintError
from veridical.core.schema import Column
from veridical.encode.codes import MOST_CODES, NULL, Codes, Limit

RARE = 1  # the code of every category that may not be emitted


@dataclass(frozen=True)
class CategoryCodec:
    """Codes: 0 null, 1 rare or unknown, then the categories carried by enough records, commonest first.

    Example:
        >>> codec = CategoryCodec.fit(pa.array(["a", "b", "a", None]), Column(name="c", kind="category"), 2)
        >>> codec.encode(pa.array(["a", "b", None])).tolist(), codec.categories
        ([2, 1, 0], ('a',))
    """

    name: str
    categories: tuple[str, ...]

    @classmethod
    def fit(cls, values: pa.Array, column: Column, rare_below: int) -> Self:
        """Return the codec of a dictionary or string column; fewer than `rare_below` carriers make a value rare."""
        counts = pc.value_counts(values.drop_null())
        names = counts.field("values")
        if pa.types.is_dictionary(names.type):
            names = names.dictionary_decode()
        tally = counts.field("counts").to_numpy(zero_copy_only=False)
        carried = [(int(n), str(v)) for n, v in zip(tally, names.to_pylist(), strict=True) if n >= rare_below]
        kept = [v for _, v in sorted(carried, key=lambda item: (-item[0], item[1]))][: MOST_CODES - 2]
        return cls(column.name, tuple(kept))

    @property
    def size(self) -> int:
        """How many codes there are."""
        return len(self.categories) + 2

    @property
    def ordered(self) -> bool:
        """Whether neighbouring codes mean neighbouring values."""
        return False

    @cached_property
    def _place(self) -> dict[str, int]:
        return {category: code + 2 for code, category in enumerate(self.categories)}

    def encode(self, values: pa.Array) -> Codes:
        """Return one code a row."""
        if not pa.types.is_dictionary(values.type):
            values = values.dictionary_encode()
        place = self._place
        table = np.array([place.get(str(v), RARE) for v in values.dictionary.to_pylist()] + [NULL], dtype=np.uint16)
        indices = values.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)
        codes: Codes = table[indices]
        return codes

    def decode(self, codes: Codes, uniform: NDArray[np.float64], limit: Limit | None = None) -> pa.Array:
        """Return the categories; a rare code gives null, or one of those asked for."""
        dictionary = list(self.categories)
        table = np.arange(-2, len(dictionary), dtype=np.int32)[codes.astype(np.intp)]
        missing = table < 0
        fresh = self._fresh(limit)
        if fresh and limit is not None:
            rare = codes == RARE
            pick = np.minimum((uniform[rare] * len(fresh)).astype(np.int32), len(fresh) - 1)
            table[rare] = len(dictionary) + pick
            missing = missing & ~rare
            dictionary += fresh
        indices = pa.array(np.where(missing, 0, table), mask=missing, type=pa.int32())
        return pa.DictionaryArray.from_arrays(indices, pa.array(dictionary, pa.string()))

    def limit(self, asked: Allowed) -> Limit:
        """Return which codes are allowed.

        Raises:
            ConstraintError: nothing is.
        """
        share = np.zeros(self.size)
        share[NULL] = float(asked.nulls)
        wanted = None if asked.values is None else {str(value) for value in asked.values if value is not None}
        for code, category in enumerate(self.categories, start=2):
            share[code] = float((wanted is None or category in wanted) and within(category, asked))
        limit = Limit(share, asked)
        if share.sum() == 0 and not self._fresh(limit):
            raise ConstraintError("no value is left to draw", where=self.name, fix="allow more values")
        # Categories the data does not show often enough are the asker's own words: given, not learned.
        share[RARE] = 1.0 if self._fresh(limit) else 0.0
        return limit

    def _fresh(self, limit: Limit | None) -> list[str]:
        if limit is None or limit.asked.values is None:
            return []
        words = dict.fromkeys(str(value) for value in limit.asked.values if value is not None)
        return [word for word in words if word not in self._place and within(word, limit.asked)]

    def to_dict(self) -> dict[str, Any]:
        """Return the codec as JSON-like data."""
        return {"codec": "category", "name": self.name, "categories": list(self.categories)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the codec that `to_dict` wrote."""
        return cls(str(data["name"]), tuple(str(value) for value in data["categories"]))


def within(value: Any, asked: Allowed) -> bool:
    """Return whether a value lies between the bounds asked for."""
    if asked.low is not None and (value < asked.low or (asked.low_open and value == asked.low)):
        return False
    return not (asked.high is not None and (value > asked.high or (asked.high_open and value == asked.high)))
