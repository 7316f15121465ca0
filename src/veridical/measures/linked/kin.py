"""What does a row have in common with a parent and with that parent's other rows?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.schema import Kind
from veridical.measures.column import Coding, Encoded
from veridical.prepare.link import Rows

Floats = NDArray[np.float64]
DIGITS = 5
LEAST_SAID = 0.1  # share of a number's variance that a category must explain to be told beside it


@dataclass(frozen=True, slots=True)
class Tally:
    """How many rows carry each key, and the sum of their values."""

    keys: Rows
    counts: Floats
    sums: Floats

    @classmethod
    def of(cls, keys: Rows, values: Floats) -> Tally:
        """Return the tally of rows.

        Example:
            >>> Tally.of(np.array([7, 3, 7]), np.array([1.0, 2.0, 3.0])).at(np.array([7, 5]))
            (array([2., 0.]), array([4., 0.]))
        """
        held, place = np.unique(keys, return_inverse=True)
        counts = np.bincount(place.ravel(), minlength=len(held)).astype(np.float64)
        sums = np.bincount(place.ravel(), weights=values, minlength=len(held)).astype(np.float64)
        return cls(held, counts, sums)

    def at(self, keys: Rows) -> tuple[Floats, Floats]:
        """Return counts and sums of keys; 0 where nobody carries one."""
        if not len(self.keys):
            return np.zeros(len(keys)), np.zeros(len(keys))
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        hit = self.keys[place] == keys
        return np.where(hit, self.counts[place], 0.0), np.where(hit, self.sums[place], 0.0)


@dataclass(frozen=True, slots=True)
class Told:
    """One column of child rows: a number with its spread taken off (nan: missing), or a code (-1: missing).

    `beside` are the codes of the category that says most of a number: siblings of the same one are nearest to it.
    """

    values: NDArray[np.float64] | NDArray[np.int64]
    is_number: bool
    beside: Rows | None = None


@dataclass(frozen=True, slots=True)
class Kin:
    """The child rows of one link and one side: their columns, their parent's columns, their parent and entity."""

    rows: tuple[Told, ...]
    above: tuple[Told, ...]
    owner: Rows
    entity: Rows

    @property
    def siblings(self) -> Rows:
        """How many other rows of its parent each row has."""
        return np.asarray(np.bincount(self.owner)[self.owner] - 1, np.int64)

    def features(self, one: Rows, other: Rows) -> Floats:
        """Return what rows `one` and the parents of rows `other` have in common; `other` are not among the siblings.

        With `one` equal to `other` these are true pairs; with `other` drawn at random, those of shuffled keys.
        """
        found = [self.siblings[other].astype(np.float64)]
        for told in self.above:
            found.append(_as_float(told, other))
        for told in self.rows:
            found.append(_as_float(told, one))
            found += self._numbers(told, one, other) if told.is_number else [self._share(told.values, one, other)]
        return np.stack(found, axis=1)

    def codings(self) -> tuple[Coding, ...]:
        """Return which features are numbers and which are categories, as models ask for it."""
        numbers = [True, *(told.is_number for told in self.above)]
        for told in self.rows:
            numbers += [told.is_number, *([True] * (1 if not told.is_number else 2 if told.beside is None else 4))]
        return tuple(
            Coding(name=str(place), kind=Kind.DECIMAL, width=0, cuts=np.zeros(0))
            if is_number else Coding(name=str(place), kind=Kind.CATEGORY, width=0)
            for place, is_number in enumerate(numbers)
        )  # fmt: skip

    def _numbers(self, told: Told, one: Rows, other: Rows) -> list[Floats]:
        """Return the mean of a number over siblings, and how far the row is from it; then of those most like it."""
        values = np.asarray(told.values, np.float64)
        found = []
        for beside in (np.zeros(len(values), dtype=np.int64), told.beside):
            if beside is not None:
                mean = self._mean(values, beside, one, other)
                found += [mean, np.abs(values[one] - mean)]
        return found

    def _mean(self, values: Floats, beside: Rows, one: Rows, other: Rows) -> Floats:
        known, width = ~np.isnan(values), int(beside.max(initial=0)) + 2
        keys = self.owner * width + beside + 1
        counts, sums = Tally.of(keys[known], values[known]).at(self.owner[other] * width + beside[one] + 1)
        own = known[other] & (beside[one] == beside[other])
        counts, sums = counts - own, sums - np.where(own, values[other], 0.0)
        # What is left of a sum once its own part is taken off differs in the last digits, which would give it away.
        return np.asarray(np.round(np.where(counts > 0, sums / np.maximum(counts, 1.0), np.nan), DIGITS), np.float64)

    def _share(self, codes: NDArray[np.generic], one: Rows, other: Rows) -> Floats:
        """Return the share of the siblings that carry the row's own category."""
        held = np.asarray(codes, np.int64)
        width = int(held.max(initial=0)) + 2
        tally = Tally.of(self.owner * width + held + 1, np.zeros(len(held)))
        counts, _ = tally.at(self.owner[other] * width + held[one] + 1)
        siblings = self.siblings[other]
        same = counts - (held[one] == held[other])
        return np.asarray(np.where(siblings > 0, same / np.maximum(siblings, 1), np.nan), np.float64)


def _as_float(told: Told, rows: Rows) -> Floats:
    values = np.asarray(told.values[rows], np.float64)
    return values if told.is_number else np.where(values < 0, np.nan, values)


def told_of(columns: Sequence[Encoded], side: int) -> tuple[Told, ...]:
    """Return columns of one side as they are told; the first side (real) says how numbers are spread."""
    codes = {one.coding.name: _codes(one, side) for one in columns if not one.coding.is_number}
    reference = {one.coding.name: _codes(one, 0) for one in columns if not one.coding.is_number}
    found = []
    for one in columns:
        if not one.coding.is_number:
            found.append(Told(codes[one.coding.name], is_number=False))
            continue
        name = _telling(one.values[0], reference)
        held = np.zeros(len(one.values[0]), dtype=np.int64) if name is None else reference[name]
        mine = np.zeros(len(one.values[side]), dtype=np.int64) if name is None else codes[name]
        scaled = _scaled(one.values[side], mine, one.values[0], held)
        found.append(Told(scaled, is_number=True, beside=None if name is None else mine))
    return tuple(found)


def _codes(one: Encoded, side: int) -> Rows:
    """Return codes of which those beyond the commonest are one: trees take no more than so many."""
    coding: Coding = one.coding
    bins = coding.bins(one.values[side]).astype(np.int64)
    return np.where(bins == coding.width - 1, -1, bins)


def _telling(values: Floats, words: dict[str, Rows]) -> str | None:
    """Return the category that explains most of a number's variance, where one explains enough."""
    known = ~np.isnan(values)
    spread = float(values[known].var()) if known.any() else 0.0
    best, most = None, LEAST_SAID
    for name, codes in words.items():
        if spread <= 0:
            break
        share = float(_means(values[known], codes[known])[codes[known] + 1].var()) / spread
        if share > most:
            best, most = name, share
    return best


def _means(values: Floats, codes: Rows, width: int = 0) -> Floats:
    counts = np.bincount(codes + 1, minlength=width)
    return np.bincount(codes + 1, weights=values, minlength=width) / np.maximum(counts, 1)


def _scaled(values: Floats, codes: Rows, real: Floats, real_codes: Rows) -> Floats:
    """Return numbers less the mean of their category, over its spread, both as in the real rows."""
    known, width = ~np.isnan(real), int(max(codes.max(initial=0), real_codes.max(initial=0))) + 2
    mean = _means(real[known], real_codes[known], width)
    spread = np.sqrt(_means((real[known] - mean[real_codes[known] + 1]) ** 2, real_codes[known], width))
    told = (values - mean[codes + 1]) / np.where(spread > 0, spread, 1.0)[codes + 1]
    return np.asarray(np.round(told, DIGITS), np.float64)
