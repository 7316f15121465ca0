"""How are rows drawn, column after column, with some columns given and others limited?"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.chunks import one_array
from veridical.core.contracts import Allowed
from veridical.core.errors import SpecError
from veridical.core.schema import Column, Role
from veridical.encode.codes import Codec, Codes, Limit
from veridical.encode.numeric import NumericCodec
from veridical.engines.tabular.tree import correction, storage, walking
from veridical.engines.tabular.tree.correction import Correction
from veridical.engines.tabular.tree.growing import Leaves
from veridical.engines.tabular.tree.leaning import Leanings
from veridical.engines.tabular.tree.wording import Values, Wording

BATCH_ROWS = 32_768
PARTICLES = 32
MOST_THREADS = 8


@dataclass(frozen=True, slots=True)
class Part:
    """One column of the model: its codec, its predictor bins, and its tree (none for context columns)."""

    column: Column
    codec: Codec
    coarse: Codes
    predictors: tuple[int, ...]  # places in the model's order
    leanings: Leanings  # scores of the predictors, which the tree reads as further columns
    leaves: Leaves | None
    wording: Wording

    def told_by(self, coarse: Sequence[Codes], count: int) -> list[Codes]:
        """Return the columns that the tree reads, from the predictor bins of all columns so far."""
        columns = [coarse[place] for place in self.predictors]
        return columns + self.leanings.codes(columns, count)


Mend = Callable[[Part, Sequence[Codes], int, int], Part]


@dataclass(slots=True)
class _Drawn:
    """Columns so far, in the model's order: codes, predictor bins, and the values that later ones rest on."""

    codes: list[Codes]
    coarse: list[Codes]
    values: dict[int, Values]
    spread: bool = False  # whether rows alike draw at levels spread evenly


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a request fixes: known codes per place, cells to keep, and limits per place."""

    known: Mapping[int, Codes]
    kept: Mapping[int, NDArray[np.bool_] | None]  # None: every row
    limits: Mapping[int, Limit]
    values: Mapping[int, Values]  # of known cells, where a wording needs them


@dataclass(frozen=True)
class TreeSampler:
    """Sequential trees over binned columns: `parts` stand in the order they are drawn, context first.

    Raises nothing on construction; `draw` and `log_likelihood` say what is wrong with what they are given.
    """

    parts: tuple[Part, ...]
    table_columns: tuple[str, ...]  # generated columns in the table's order
    correction: Correction | None = None  # of what the parts do not tell of all columns together

    @property
    def columns(self) -> Sequence[Column]:
        """The columns generated, in the table's order."""
        by_name = {part.column.name: part.column for part in self.parts}
        return [by_name[name] for name in self.table_columns]

    @property
    def order(self) -> Sequence[str]:
        """The columns in the order in which they are drawn, context first."""
        return [part.column.name for part in self.parts]

    def draw(
        self,
        rows: int,
        rng: np.random.Generator,
        *,
        given: pa.Table | None = None,
        allowed: Mapping[str, Allowed] | None = None,
        holes: Collection[str] = (),
    ) -> pa.Table:
        """Return `rows` rows; those of `given` are kept as they are, and every row satisfies `allowed`.

        Columns drawn before a given or limited one are drawn 32 times over for each row, and one of the 32 is
        kept by its likelihood (sequential importance resampling: Gordon, Salmond and Smith 1993). In the given
        columns named in `holes` null cells are drawn, not kept.

        Raises:
            SpecError: context is missing, `given` has other rows or an unknown column.
            ConstraintError: `allowed` leaves a column nothing.
        """
        plan = self._plan(rows, given, allowed or {}, holes)
        seed = int(rng.integers(2**62))
        starts = range(0, max(rows, 1), BATCH_ROWS // self._particles(plan))
        width = starts.step

        def batch(start: int) -> list[pa.Array]:
            return self._batch(plan, start, min(width, rows - start), seed + start)

        # Each batch has a seed of its own, so the rows are the same whatever the number of threads.
        with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1, len(starts))) as pool:
            batches = list(pool.map(batch, starts))
        found = [pa.chunked_array([batch[i] for batch in batches]) for i in range(len(self.table_columns))]
        table = pa.table(dict(zip(self.table_columns, found, strict=True)))
        return self._with_given(table, given, holes)

    def mended(self, mend: Mend, rows: int, seed: int, *, context: pa.Table | None = None) -> Self:
        """Return the model after a trial draw in which `mend` may exchange each part before its column is drawn.

        `mend` gets the part, what its tree reads of the rows drawn so far, how many rows there are, and a seed.
        """
        plan, parts = self._plan(rows, context, {}, ()), list(self.parts)
        drawn = _Drawn([], [], {})
        for at, part in enumerate(parts):
            if part.leaves is not None:
                parts[at] = mend(part, part.told_by(drawn.coarse, rows), rows, seed + 1_000 * (at + 1))
            code, _ = replace(self, parts=tuple(parts))._column(plan, at, drawn, slice(0, rows), 1, seed)
            drawn.codes.append(code)
            drawn.coarse.append(part.coarse[code])
        return replace(self, parts=tuple(parts))

    def trial(self, rows: int, seed: int, *, context: pa.Table | None = None) -> list[Codes]:
        """Return the predictor bins of drawn rows, column after column in the model's order, before any correction."""
        plan, drawn = self._plan(rows, context, {}, ()), _Drawn([], [], {}, self._of_few)
        for at, part in enumerate(self.parts):
            code, _ = self._column(plan, at, drawn, slice(0, rows), 1, seed)
            drawn.codes.append(code)
            drawn.coarse.append(part.coarse[code])
        return drawn.coarse

    def log_likelihood(self, table: pa.Table) -> NDArray[np.float64]:
        """Return the log-probability of each row's codes under the trees, in nats; context is conditioned on."""
        arrays = [one_array(table.column(part.column.name)) for part in self.parts]
        codes = [part.codec.encode(array) for part, array in zip(self.parts, arrays, strict=True)]
        coarse = [part.coarse[code] for part, code in zip(self.parts, codes, strict=True)]
        values = {at: numbers(arrays[at]) for at in self._valued}
        total = np.zeros(table.num_rows)
        for at, part in enumerate(self.parts):
            if part.leaves is not None:
                columns = part.told_by(coarse, table.num_rows)
                said = part.wording.say(codes[at], values.get(at), values)
                total += walking.score(part.leaves, columns, said, table.num_rows)
        return total

    @cached_property
    def _valued(self) -> frozenset[int]:
        """The places whose values a wording rests on: those told otherwise, and those told by."""
        told = {at for at, part in enumerate(self.parts) if part.wording.sources}
        return frozenset(told.union(*(part.wording.sources for part in self.parts)))

    @cached_property
    def _of_few(self) -> bool:
        """Whether there are forests: of so few rows that noise of the draw matters beside that of the rows."""
        return any(part.leaves is not None and len(part.leaves.roots) > 1 for part in self.parts)

    def save(self, folder: Path) -> None:
        """Write the model as JSON and Arrow files."""
        storage.write(folder, self.parts, self.table_columns, self.correction)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the model that `save` wrote.

        Raises:
            ArtifactError: a file is missing, truncated or edited.
        """
        return cls(*storage.read(folder))

    def _plan(self, rows: int, given: pa.Table | None, allowed: Mapping[str, Allowed], holes: Collection[str]) -> _Plan:
        names = given.column_names if given is not None else []
        place = {part.column.name: at for at, part in enumerate(self.parts)}
        missing = [p.column.name for p in self.parts if p.column.role is Role.CONTEXT and p.column.name not in names]
        if missing:
            raise SpecError("context is missing", where=", ".join(missing), fix="give these columns")
        if given is not None and given.num_rows != rows:
            raise SpecError(f"{given.num_rows} rows are given for {rows} asked", fix="give one row per output row")
        strange = [name for name in [*names, *allowed] if name not in place]
        if strange:
            raise SpecError("the model does not know this column", where=", ".join(strange), fix="leave it out")
        known: dict[int, Codes] = {}
        kept: dict[int, NDArray[np.bool_] | None] = {}
        for name in names:
            assert given is not None
            values = one_array(given.column(name))
            known[place[name]] = self.parts[place[name]].codec.encode(values)
            kept[place[name]] = values.is_valid().to_numpy(zero_copy_only=False) if name in holes else None
        limits = {place[name]: self.parts[place[name]].codec.limit(asked) for name, asked in allowed.items()}
        values = (
            {at: numbers(one_array(given.column(self.parts[at].column.name))) for at in known if at in self._valued}
            if given is not None
            else {}
        )
        open_limits = {at: limit for at, limit in limits.items() if kept.get(at, 0) is not None}
        return _Plan(known, kept, open_limits, values)

    def _weighted(self, plan: _Plan) -> bool:
        """Return whether a given or limited column comes after a free one."""
        free = False
        for at, part in enumerate(self.parts):
            if part.leaves is None:
                continue
            whole = at in plan.known and plan.kept[at] is None
            if free and (at in plan.known or at in plan.limits):
                return True
            free = free or not whole
        return False

    def _particles(self, plan: _Plan) -> int:
        """Return how many rows are drawn for each one kept."""
        if self._weighted(plan):
            return PARTICLES
        return self.correction.many if self.correction is not None else 1

    def _batch(self, plan: _Plan, start: int, rows: int, seed: int) -> list[pa.Array]:
        many = self._particles(plan)
        window = slice(start, start + rows)
        # Particles of one row are to be apart; free rows are to be spread among rows like them.
        apart = many > 1 and (bool(plan.known) or self._weighted(plan))
        drawn = _Drawn([], [], {}, self._of_few and not apart)
        weight = np.zeros(rows * many)
        for at, part in enumerate(self.parts):
            code, gained = self._column(plan, at, drawn, window, many, seed)
            drawn.codes.append(code)
            drawn.coarse.append(part.coarse[code])
            if gained is not None:
                weight += gained
        if many == 1:
            return self._decode(drawn, None, plan, seed)
        ratio = 0.0 if self.correction is None else self.correction.log_ratio(drawn.coarse, rows * many)
        if apart:
            chosen = _choose((weight + ratio).reshape(rows, many), np.random.default_rng([seed, 1]))
        else:
            chosen = correction.kept(weight + ratio, rows, _shuffled(rows * many, seed), seed)
        return self._decode(drawn, chosen, plan, seed)

    def _column(
        self, plan: _Plan, at: int, drawn: _Drawn, window: slice, many: int, seed: int
    ) -> tuple[Codes, NDArray[np.float64] | None]:
        """Return one column's codes, and what its known or limited values add to each particle's log-weight."""
        part, known = self.parts[at], plan.known.get(at)
        fixed = None if known is None else np.repeat(known[window], many)
        stated = np.repeat(plan.values[at][window], many) if at in plan.values else None
        if fixed is not None and stated is not None:
            drawn.values[at] = stated
        if part.leaves is None or (fixed is not None and plan.kept[at] is None):
            assert fixed is not None
            return fixed, None if part.leaves is None else self._score(at, drawn, fixed, stated)
        own = (seed * 1_000_003 + at * 7919) % (2**62)
        count = (window.stop - window.start) * many
        told = part.told_by(drawn.coarse, count)
        reached = walking.route(part.leaves, told, count, seed=own + 1)
        gained: NDArray[np.float64] | None = None
        if at in plan.limits:
            share = np.zeros(part.wording.size)
            share[: part.codec.size] = plan.limits[at].share
            code, gained = walking.draw_limited(part.leaves, reached, share, own)
        else:
            scores = told[len(part.predictors) :]
            levels = walking.spread(part.leaves, reached, scores, own)[0] if drawn.spread else None
            code = walking.draw(part.leaves, reached, own, levels)
        if at in self._valued:
            code = self._value(plan, at, code, drawn, [seed, 2, at])
        keep = plan.kept.get(at)
        if fixed is not None and keep is not None:
            kept = np.repeat(keep[window], many)
            scored = self._score(at, drawn, fixed, stated)
            gained = np.where(kept, scored, 0.0 if gained is None else gained)
            code = np.where(kept, fixed, code).astype(np.uint16)
            if stated is not None:
                drawn.values[at] = np.where(kept, stated, drawn.values[at])
        return code, gained

    def _score(self, at: int, drawn: _Drawn, fixed: Codes, stated: Values | None) -> NDArray[np.float64]:
        part = self.parts[at]
        assert part.leaves is not None
        said = part.wording.say(fixed, stated, drawn.values)
        return walking.score(part.leaves, part.told_by(drawn.coarse, len(fixed)), said, len(fixed))

    def _value(self, plan: _Plan, at: int, said: Codes, drawn: _Drawn, seed: list[int]) -> Codes:
        """Note the values that were said, for later columns to rest on, and return their own codes."""
        part = self.parts[at]
        assert isinstance(part.codec, NumericCodec)
        uniform = np.random.default_rng(seed).random(len(said))
        if at in plan.limits:
            values = numbers(part.codec.decode(said, uniform, plan.limits[at]))
            drawn.values[at] = values
            return said
        values = part.wording.hear(said, uniform, part.codec, drawn.values)
        drawn.values[at] = values
        if not part.wording.sources:
            return said
        code = part.codec.encode_numbers(np.nan_to_num(values))
        code[np.isnan(values)] = 0
        return code

    def _decode(self, drawn: _Drawn, chosen: NDArray[np.intp] | None, plan: _Plan, seed: int) -> list[pa.Array]:
        arrays: dict[str, pa.Array] = {}
        for at, part in enumerate(self.parts):
            if part.leaves is None:
                continue
            if at in drawn.values:
                values = drawn.values[at] if chosen is None else drawn.values[at][chosen]
                arrays[part.column.name] = _array(values, part.codec)
                continue
            code = drawn.codes[at] if chosen is None else drawn.codes[at][chosen]
            uniform = np.random.default_rng([seed, 2, at]).random(len(code))
            arrays[part.column.name] = part.codec.decode(code, uniform, plan.limits.get(at))
        return [arrays[name] for name in self.table_columns]

    def _with_given(self, table: pa.Table, given: pa.Table | None, holes: Collection[str]) -> pa.Table:
        if given is None:
            return table
        for at, name in enumerate(self.table_columns):
            if name not in given.column_names:
                continue
            values = one_array(given.column(name))
            if name in holes:
                drawn = one_array(table.column(name))
                if pa.types.is_dictionary(drawn.type):
                    mixed = values.cast(pa.string()).fill_null(drawn.cast(pa.string())).dictionary_encode()
                    values = mixed.cast(drawn.type)
                else:
                    values = pa.compute.coalesce(values, drawn)
            table = table.set_column(at, name, values)
        return table


def _shuffled(rows: int, seed: int) -> NDArray[np.int32]:
    return np.random.default_rng([seed, 4]).permutation(rows).astype(np.int32)


def _choose(weight: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.intp]:
    """Return one particle per row, by weight."""
    share = np.exp(weight - weight.max(axis=1, keepdims=True))
    level = rng.random(len(weight)) * share.sum(axis=1)
    pick = (np.cumsum(share, axis=1) <= level[:, None]).sum(axis=1)
    return np.arange(len(weight)) * weight.shape[1] + np.minimum(pick, weight.shape[1] - 1)


def numbers(values: pa.Array) -> Values:
    """Return a numeric column as float64, with nan for null."""
    found: Values = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found


def _array(values: Values, codec: Codec) -> pa.Array:
    null = np.isnan(values)
    if isinstance(codec, NumericCodec) and codec.whole:
        return pa.array(np.where(null, 0.0, values).astype(np.int64), mask=null)
    return pa.array(values, mask=null)
