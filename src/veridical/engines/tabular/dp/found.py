"""Which values does each column have, as far as noise lets tell, and in which cells are they counted?

Numbers are split where many rows lie. Categories are looked for twice: a cheap look at every column shows what is
common; what it leaves of the budget goes to the columns in which many rows have none of the values shown.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from veridical.core.schema import CATEGORY_KINDS, NUMERIC_KINDS, Column, Kind
from veridical.engines.tabular.dp.coding import Coding, category_cells
from veridical.engines.tabular.dp.shape import NULL, SHAPES, Votes, gaps
from veridical.engines.tabular.dp.ticks import texts_of, tick_bounds, ticks_of, unit_of
from veridical.privacy.domain import Cells, kept_categories, merged, number_cells
from veridical.privacy.mechanisms import Lens

if TYPE_CHECKING:
    from veridical.engines.tabular.dp.private import Terms

Floats = np.ndarray[Any, np.dtype[np.float64]]
_FIRST = 0.4  # of what a column of categories may cost, for the first look
_MOST = 4.0  # columns' worth of budget that the second look at one may cost
_SAID = 0.05  # of the rows without a name are worth being told of
_STILL = 0.01  # of the rows without a name are worth a second look


@dataclass(frozen=True)
class Found:
    """A column as it was found: with no coding where nothing may be told of its values."""

    column: Column
    coding: Coding | None
    cells: Any = None
    single: tuple[Floats, Floats] | None = None
    support: tuple[float, float] | None = None


@dataclass(frozen=True)
class _Listed:
    """Categories that may be named, their noisy counts and the scale of each count's noise."""

    values: tuple[str, ...]
    counts: Floats
    sigma: Floats


@dataclass(frozen=True)
class Finder:
    """The lens, the rows, the columns that were voted on, and what may be spent."""

    lens: Lens
    table: pa.Table
    columns: tuple[Column, ...]  # in the order of the votes
    votes: Votes
    terms: Terms

    def found(self) -> list[Found]:
        """Return the columns with their cells.

        Raises:
            BudgetError: the ledger has not got the budget left.
        """
        listed = self._listed()
        return [
            self._categories(column, votes, listed[column.name])
            if column.name in listed
            else self._numbers(column, votes)
            for column, votes in zip(self.columns, self.votes.counts)
        ]

    @property
    def _share(self) -> float:
        """The rho that one column may cost on average."""
        return self.terms.budget.rho * self.terms.domain_share / len(self.votes.counts)

    def _listed(self) -> dict[str, _Listed]:
        """Return the categories of each column that has some: those that are public, and those that two looks show."""
        such = [(column, _public(column)) for column in self.columns if column.kind in CATEGORY_KINDS]
        listed = {column.name: self._counted(column, domain) for column, domain in such if domain is not None}
        open_ = [column for column, domain in such if domain is None]
        delta = self.terms.budget.stability_delta / (2 * max(1, len(open_)))
        for column in open_:
            listed[column.name] = self._looked(column, None, rho=_FIRST * self._share, delta=delta)
        left = {column.name: self._left(column, listed[column.name]) for column in open_}
        pool = (1 - _FIRST) * len(open_) / max(1.0, sum(left.values()))
        for column in open_:
            if left[column.name]:
                each = min(_MOST, pool * left[column.name]) * self._share
                listed[column.name] = self._looked(column, listed[column.name], rho=each, delta=delta)
        return listed

    def _counted(self, column: Column, domain: tuple[str, ...]) -> _Listed:
        def count() -> Any:
            texts = texts_of(self.table, column)
            return np.bincount(category_cells(texts, domain)[_present(texts)], minlength=len(domain) + 1)[:-1]

        noisy = self.lens.histogram(f"{column.name}: counts of the public categories", count, rho=self._share)
        return _Listed(domain, noisy.counts.astype(float), np.full(len(domain), noisy.sigma))

    def _looked(self, column: Column, known: _Listed | None, *, rho: float, delta: float) -> _Listed:
        """Return the categories that a look shows; those `known` before keep their place, counted better."""

        def look() -> tuple[list[str], Any]:
            import pyarrow.compute as pc

            seen = pc.value_counts(texts_of(self.table, column).drop_null())
            return seen.field(0).to_pylist(), seen.field(1).to_numpy().astype(np.int64)

        what = f"{column.name}: categories that {'' if known is None else 'fewer but still '}many units share"
        before = () if known is None else known.values
        values, noisy = self.lens.stable(what, look, rho=rho, delta=delta, known=before)
        counts, sigma = noisy.counts.astype(float), np.full(len(values), noisy.sigma)
        if known is not None and before:
            place = np.array([values.index(value) for value in before])
            weight = 1 / np.square(known.sigma)
            total = weight + 1 / noisy.sigma**2
            counts[place] = (counts[place] / noisy.sigma**2 + known.counts * weight) / total
            sigma[place] = 1 / np.sqrt(total)
        return _Listed(tuple(values), counts, sigma)

    def _left(self, column: Column, listed: _Listed) -> float:
        """Return about how many rows have a value that is not listed; 0 where that may as well be noise."""
        left = self._filled(self.votes.counts[self.columns.index(column)]) - float(listed.counts.sum())
        counted = 1 + SHAPES / len(self.columns)  # the gaps, and all shapes' counts averaged over the columns
        doubt = math.sqrt(counted * self.votes.sigma**2 + float(np.square(listed.sigma).sum()))
        return left if left > max(doubt, _STILL * self.votes.rows) else 0.0

    def _filled(self, votes: Floats) -> float:
        """Return about how many rows have a value: of all rows, which every column tells of, those without a gap."""
        return max(0.0, self.votes.rows - float(votes[NULL]))

    def _categories(self, column: Column, votes: Floats, listed: _Listed) -> Found:
        texts = texts_of(self.table, column)
        null = np.asarray(texts.is_null().to_numpy(zero_copy_only=False), dtype=bool)
        known, counts, sigma = listed.values, listed.counts, listed.sigma
        if not known:
            self.lens.ledger.note_untold(column.name)
            return Found(column, None)
        other = max(0.0, self._filled(votes) - float(counts.sum()))
        if self._left(column, listed) > _SAID * self.votes.rows:
            self.lens.ledger.note_unnamed(column.name, min(1.0, other / self.votes.rows))
        cells = np.where(null, -1, category_cells(texts, known))
        weight = np.append(np.clip(counts, 0.0, None), other)
        sure = np.append(kept_categories(counts, sigma), other >= 3 * self.votes.sigma)
        scale = np.append(sigma, self.votes.sigma + float(sigma.mean()))
        kept = replace(column, categories=known, storage="dictionary")
        empty = np.zeros(len(weight), dtype=np.int64)
        coding = Coding(kept, column.nullable, weight, _thin_joined(sure), empty, empty)
        missing = gaps(column, votes), self.votes.sigma
        single = _single(coding, np.append(counts, other), scale, missing)
        return Found(replace(column, categories=known), coding, cells, single)

    def _numbers(self, column: Column, votes: Floats) -> Found:
        ticks, null = ticks_of(self.table, column)
        bounds, finest = tick_bounds(column), self.terms.finest
        cells = number_cells(self.lens, column.name, ticks[~null], rho=self._share, bounds=bounds, finest=finest)
        if not cells.seen:
            self.lens.ledger.note_untold(column.name)
        least = max(3.0 * float(cells.sigma.max()), float(np.clip(cells.counts, 0, None).sum()) / (2 * finest))
        group = merged(cells, least=least, most=2 * finest)
        unit = unit_of(column)
        whole = column.kind not in NUMERIC_KINDS or column.kind is Kind.INTEGER
        modelled = replace(column, storage="int64" if whole else "double")
        if column.kind not in NUMERIC_KINDS:
            modelled = replace(modelled, kind=Kind.INTEGER, low=None, high=None, step=None, decimals=None)
        weight = np.clip(cells.counts, 0.05, None)
        coding = Coding(modelled, column.nullable, weight, group, cells.low, cells.high, unit)
        missing = gaps(column, votes), math.sqrt(2.0) * self.votes.sigma
        single = _single(coding, cells.counts, cells.sigma, missing)
        placed = np.where(null, -1, coding.place(ticks))
        return Found(column, coding, placed, single, _support(cells, unit))


def _public(column: Column) -> tuple[str, ...] | None:
    if column.kind is Kind.BOOLEAN:
        return "false", "true"
    return column.categories if column.public else None


def _present(texts: pa.Array) -> Any:
    return np.asarray(texts.is_valid().to_numpy(zero_copy_only=False), dtype=bool)


def _support(cells: Cells, unit: float) -> tuple[float, float]:
    return float(cells.low[0]) * unit, float(cells.high[-1]) * unit


def _thin_joined(sure: Any) -> Any:
    """Return codes: one for each cell that stands out of the noise, one for all others together."""
    group = np.cumsum(sure) - 1
    return np.where(sure, group, int(sure.sum())).astype(np.int64)


def _single(coding: Coding, counts: Floats, sigma: Floats, missing: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return a column's noisy counts by code and their scales; `missing` is the count of gaps and its scale."""
    codes = int(coding.group.max()) + 1
    sums = np.bincount(coding.group, weights=counts, minlength=codes)
    spread = np.sqrt(np.bincount(coding.group, weights=np.square(sigma), minlength=codes))
    if coding.nullable:
        sums, spread = np.append(missing[0], sums), np.append(missing[1], spread)
    return sums.astype(float), spread.astype(float)
