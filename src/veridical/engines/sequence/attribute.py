"""What of an entity's attributes may its steps be told by, coarse enough that no single entity stands out?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.chunks import one_array
from veridical.core.contracts import RunContext
from veridical.core.schema import TableSchema
from veridical.encode.panel import Layout, Numbers, numbers, places
from veridical.engines.sequence import parts
from veridical.engines.sequence.entity import FEW, Traits
from veridical.engines.sequence.features import Steps
from veridical.prepare import Restore, prepare
from veridical.prepare.codec import whole

MOST_GROUPS = 12
WHO = "which of the few"


@dataclass(frozen=True)
class Attributes:
    """How attributes become features: numbers by groups of entities, words that enough entities share.

    Of few entities, each one's name is a feature of its own.
    """

    restore: Restore | None
    cuts: Mapping[str, NDArray[np.float64]]
    vocabularies: Mapping[str, tuple[str, ...]]
    named: tuple[str, ...]  # the few entities' names

    def of(self, attributes: pa.Table, traits: Traits) -> Steps:
        """Return the features of entities; the layout is left to be set."""
        layout = Layout.of_lengths(traits.length)
        found: dict[str, Numbers] = {}
        held: dict[str, Numbers] = {}
        for name, values in self._numbers(attributes, traits).items():
            if name in self.cuts:
                group = np.searchsorted(self.cuts[name], values, side="right").astype(np.float64)
                found[name] = np.where(np.isnan(values), np.nan, group)
        if self.restore is not None:
            table = self.restore.encode(attributes)
            for name, vocabulary in self.vocabularies.items():
                if name in table.column_names:
                    held[name] = places(table[name], vocabulary)
        if self.named:
            held[WHO] = places(pa.array(who(attributes)), self.named)
        vocabularies = {**self.vocabularies, WHO: self.named} if self.named else dict(self.vocabularies)
        return Steps(layout, entity=found, entity_words=held, vocabularies=vocabularies)

    def _numbers(self, attributes: pa.Table, traits: Traits) -> dict[str, Numbers]:
        found: dict[str, Numbers] = {}
        if self.restore is not None:
            table = self.restore.encode(attributes)
            for name in table.column_names:
                if not pa.types.is_dictionary(table[name].type):
                    found[name] = numbers(table[name])
        found |= {f"{name} spread": values for name, values in traits.spread.items()}
        found |= {f"{name} width": values for name, values in traits.width.items()}
        return found

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON-like data, without the restore."""
        return {
            "cuts": {name: held.tolist() for name, held in self.cuts.items()},
            "vocabularies": {name: list(held) for name, held in self.vocabularies.items()},
            "named": list(self.named),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], restore: Restore | None) -> Attributes:
        """Return what `to_plain` wrote."""
        return cls(
            restore,
            {name: np.array(held) for name, held in plain["cuts"].items()},
            {name: tuple(held) for name, held in plain["vocabularies"].items()},
            tuple(plain["named"]),
        )


def who(attributes: pa.Table) -> list[str]:
    """Return one text an entity: its key."""
    columns = [whole(attributes[name]).to_pylist() for name in attributes.column_names]
    return [" / ".join(map(str, row)) for row in zip(*columns, strict=True)] if columns else [""] * attributes.num_rows


def fit_attributes(
    attributes: pa.Table, schema: TableSchema, columns: parts.Columns, traits: Traits, ctx: RunContext, *,
    rare_below: int,
) -> Attributes:  # fmt: skip
    """Return how the attributes of entities become features."""
    entities = attributes.num_rows
    if entities < FEW:
        named = who(attributes.select(list(columns.keys))) if entities > 1 else []
        return Attributes(None, {}, {}, tuple(named))
    own = parts.schema_of(schema, columns.attributes)
    restore = None
    vocabularies: dict[str, tuple[str, ...]] = {}
    if own.columns:
        ready = prepare(attributes, own, rare_below=rare_below, ctx=ctx)
        restore = ready.restore
        for name in ready.table.column_names:
            array = one_array(ready.table[name])
            if pa.types.is_dictionary(array.type):
                vocabularies[name] = _common(array, rare_below)
    draft = Attributes(restore, {}, vocabularies, ())
    groups = int(np.clip(entities // (2 * rare_below), 1, MOST_GROUPS))
    cuts = {}
    for name, values in draft._numbers(attributes, traits).items():
        known = values[~np.isnan(values)]
        if len(known) and groups > 1:
            cuts[name] = np.unique(np.quantile(known, np.linspace(0, 1, groups + 1)[1:-1]))
    return Attributes(restore, cuts, vocabularies, ())


def _common(array: pa.DictionaryArray, rare_below: int) -> tuple[str, ...]:
    codes = array.indices.drop_null().to_numpy(zero_copy_only=False)
    tally = np.bincount(codes, minlength=len(array.dictionary))
    words = array.dictionary.to_pylist()
    return tuple(str(word) for word, count in zip(words, tally, strict=True) if count >= rare_below)
