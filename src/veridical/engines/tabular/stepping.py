"""How is one step of many rows drawn from trees, thousands of times, without tables in between?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import RunContext, Sampler
from veridical.core.errors import SpecError
from veridical.core.schema import Column
from veridical.encode.category import CategoryCodec
from veridical.encode.codes import NULL, Codes
from veridical.encode.numeric import NumericCodec
from veridical.engines.tabular.tree import walking
from veridical.engines.tabular.tree.growing import addresses
from veridical.engines.tabular.tree.model import TreeModel
from veridical.engines.tabular.tree.sampler import Part, TreeSampler
from veridical.kernel import library

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSteps:
    """Sequential trees as a model of steps: columns are drawn in the order given, context comes first.

    Example:
        >>> from veridical.core.schema import Kind, Role
        >>> last = Column(name="last", kind=Kind.DECIMAL, storage="double", role=Role.CONTEXT)
        >>> now = Column(name="now", kind=Kind.DECIMAL, storage="double")
        >>> rows = pa.table({"last": np.arange(200.0), "now": np.arange(200.0)})
        >>> steps = TreeSteps()
        >>> stepper = steps.stepper(steps.fit(rows, [last, now], RunContext(), rare_below=5), {})
        >>> drawn = stepper.step({"last": np.array([50.0, 150.0])}, 2, np.random.default_rng(0))["now"]
        >>> bool(abs(drawn[0] - 50) < 30)
        True
    """

    # Sums of the past are told as such by whoever goes step by step: leanings would only cost time, and what is
    # given to a step is real here and drawn later, so a trial draw would tell nothing.
    model: TreeModel = field(default_factory=lambda: TreeModel(orders=("given",), leanings=0, trial_draw=0))

    def fit(self, table: pa.Table, columns: Sequence[Column], ctx: RunContext, *, rare_below: int) -> Sampler:
        """Return what is learned of a prepared table of steps."""
        return self.model.fit(table, columns, ctx, rare_below=rare_below)

    def open(self, folder: Path) -> Sampler:
        """Return the sampler saved in a folder.

        Raises:
            ArtifactError: a file is missing, truncated or edited.
        """
        return TreeSampler.load(folder)

    def stepper(self, sampler: Sampler, vocabularies: Mapping[str, Sequence[str]]) -> TreeStepper:
        """Return a stepper; each category column's values are places in its vocabulary.

        Raises:
            SpecError: the sampler is not one of trees.
        """
        if not isinstance(sampler, TreeSampler):
            raise SpecError("steps are drawn from trees only", fix="open the sampler with the model that fitted it")
        return TreeStepper(sampler.parts, dict(vocabularies))


@dataclass(frozen=True)
class TreeStepper:
    """Trees walked with plain arrays; `parts` stand in the order they are drawn."""

    parts: tuple[Part, ...]
    vocabularies: Mapping[str, Sequence[str]]

    @cached_property
    def needed(self) -> Sequence[str]:
        """The given columns that some tree reads."""
        return [part.column.name for at, part in enumerate(self.parts) if part.leaves is None and at in self._read]

    @cached_property
    def _read(self) -> frozenset[int]:
        read = {at for part in self.parts for at in part.predictors}
        return frozenset(read.union(*(part.wording.sources for part in self.parts)))

    @cached_property
    def _valued(self) -> frozenset[int]:
        return frozenset(at for part in self.parts for at in part.wording.sources)

    @cached_property
    def _scales(self) -> Mapping[int, _Scale]:
        """For each given column that is read, its bins as steps on a scale."""
        return {
            at: _Scale.of(part.codec, part.coarse)
            for at, part in enumerate(self.parts)
            if part.leaves is None and at in self._read and isinstance(part.codec, NumericCodec)
        }

    @cached_property
    def _coded(self) -> Mapping[str, Codes]:
        """For each category column, the bin of each place in the vocabulary; the last one is null's."""
        found = {}
        for part in self.parts:
            if isinstance(part.codec, CategoryCodec):
                words = pa.array([*self.vocabularies[part.column.name], None], pa.string()).dictionary_encode()
                found[part.column.name] = part.coarse[part.codec.encode(words)]
        return found

    @cached_property
    def _places(self) -> Mapping[str, Numbers]:
        """For each category column drawn, the place in the vocabulary of each code; null and rare are nan."""
        found = {}
        for part in self.parts:
            if isinstance(part.codec, CategoryCodec):
                place = {word: at for at, word in enumerate(self.vocabularies[part.column.name])}
                words = [place.get(word, np.nan) for word in part.codec.categories]
                found[part.column.name] = np.array([np.nan, np.nan, *words], dtype=np.float64)
        return found

    @cached_property
    def _predictors(self) -> Mapping[int, NDArray[np.uint64]]:
        return {at: np.array(part.predictors, dtype=np.uint64) for at, part in enumerate(self.parts)}

    def step(self, given: Mapping[str, Numbers], rows: int, rng: np.random.Generator) -> Mapping[str, Numbers]:
        """Return the generated columns of `rows` rows."""
        # All bins lie in one block, so that where each column begins is a sum, not a look-up.
        bins = np.zeros((len(self.parts), max(rows, 1)), dtype=np.uint16)
        begin, stride = bins.ctypes.data, bins.strides[0]
        values: dict[int, Numbers] = {}
        made: dict[str, Numbers] = {}
        seeds = rng.integers(2**62, size=len(self.parts)).tolist()
        for at, part in enumerate(self.parts):
            if part.leaves is None:
                if at in self._read:
                    known = given[part.column.name]
                    bins[at, :rows] = self._binned(at, part, known)
                    if at in self._valued:
                        values[at] = known
                continue
            reached = np.zeros(rows, dtype=np.int32)
            if len(part.leaves.nodes) > 1:
                where = np.uint64(begin) + self._predictors[at] * np.uint64(stride)
                more = part.told_by(list(bins), rows)[len(part.predictors) :] if part.leanings.each else []
                where = np.concatenate([where, addresses(more)]) if more else where
                shape = (part.leaves.steps, part.leaves.masks, part.leaves.roots, len(part.leaves.roots))
                library.call("tree_route", where, None, rows, *shape, -1, seeds[at] + 1, reached)
            said = walking.draw(part.leaves, reached, seeds[at])
            drawn, code = self._heard(part, said, rng, values)
            made[part.column.name] = drawn
            if at in self._read:
                bins[at, :rows] = part.coarse[code]
            if at in self._valued:
                values[at] = drawn
        return made

    def _binned(self, at: int, part: Part, known: Numbers) -> Codes:
        if at in self._scales:
            return self._scales[at].bins(known)
        codes = self._coded[part.column.name]
        return codes[np.where(np.isnan(known), len(codes) - 1, known).astype(np.intp)]

    def _heard(
        self, part: Part, said: Codes, rng: np.random.Generator, values: Mapping[int, Numbers]
    ) -> tuple[Numbers, Codes]:
        """Return what codes mean, and the column's own codes of that."""
        if not isinstance(part.codec, NumericCodec):
            return self._places[part.column.name][said], said
        uniform = rng.random(len(said))
        if part.wording.sources:
            drawn = part.wording.hear(said, uniform, part.codec, values)
            code = part.codec.encode_numbers(np.nan_to_num(drawn))
            code[np.isnan(drawn)] = NULL
            return drawn, code
        drawn = part.codec.decode_numbers(said, uniform).astype(np.float64)
        drawn[said == NULL] = np.nan
        return drawn, said


@dataclass(frozen=True, slots=True)
class _Scale:
    """Predictor bins of a numeric column as a step function: from `starts[i]` on, a value has bin `held[i]`."""

    starts: Numbers
    held: Codes

    @classmethod
    def of(cls, codec: NumericCodec, coarse: Codes) -> _Scale:
        """Return the steps: bins change only at a code's ends and just after them."""
        ends = np.concatenate([codec.low, codec.high]).astype(np.float64)
        after = ends + 1.0 if codec.whole else np.nextafter(ends, np.inf)
        starts = np.unique(np.concatenate([[-np.inf], ends, after]))
        probes = np.concatenate([[ends.min(initial=0.0) - 1.0], starts[1:]])
        bins = coarse[codec.encode_numbers(probes)]
        kept = np.concatenate([[True], bins[1:] != bins[:-1]])
        # The last step is for nan, which sorts beyond all numbers.
        return cls(np.append(starts[kept], np.nan), np.append(bins[kept], coarse[NULL]).astype(np.uint16))

    def bins(self, values: Numbers) -> Codes:
        """Return the bin of each value; nan has null's."""
        return self.held[np.searchsorted(self.starts, values, side="right") - 1]
