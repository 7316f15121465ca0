"""What does a table look like when every column is drawn on its own?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from veridical.core.contracts import Allowed, RunContext
from veridical.core.schema import Column, Role
from veridical.engines.tabular.marginal import Marginal, fit_marginal
from veridical.engines.tabular.shelf import load_marginals, save_marginals

_METHOD = "independent"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndependentModel:
    """Learns each column's own distribution and nothing of how columns move together: the baseline to beat.

    Example:
        >>> from veridical.core.schema import Kind
        >>> table = pa.table({"age": pa.array([31, 45, 45, 52] * 9)})
        >>> columns = [Column(name="age", kind=Kind.INTEGER, storage="int64")]
        >>> sampler = IndependentModel().fit(table, columns, RunContext())
        >>> drawn = sampler.draw(5, np.random.default_rng(0), allowed={"age": Allowed(low=40)})
        >>> min(drawn["age"].to_pylist()) >= 40
        True
    """

    def fit(
        self,
        table: pa.Table,
        columns: Sequence[Column],
        ctx: RunContext,  # noqa: ARG002 - the shape all table models share
        *,
        rare_below: int = 5,
    ) -> IndependentSampler:
        """Return the sampler of a prepared table (see `core.contracts.Sampler`)."""
        own = tuple(column for column in columns if column.role is not Role.CONTEXT)
        return IndependentSampler(
            own, tuple(fit_marginal(table[column.name], column, rare_below=rare_below) for column in own)
        )


@dataclass(frozen=True, slots=True)
class IndependentSampler:
    """Draws every column on its own; implements `core.contracts.Sampler`."""

    columns: tuple[Column, ...]
    marginals: tuple[Marginal, ...]

    def draw(
        self,
        rows: int,
        rng: np.random.Generator,
        *,
        given: pa.Table | None = None,
        allowed: Mapping[str, Allowed] | None = None,
    ) -> pa.Table:
        """Return `rows` rows; columns given are kept, and every other column satisfies its `allowed`.

        Raises:
            DataError: nothing satisfies a condition.
        """
        known = set(() if given is None else given.column_names)
        drawn = {}
        for column, marginal in zip(self.columns, self.marginals, strict=True):
            if given is not None and column.name in known:
                drawn[column.name] = given[column.name]
            else:
                drawn[column.name] = draw_alone(marginal, rows, rng, (allowed or {}).get(column.name))
        return pa.table(drawn)

    def save(self, folder: Path) -> None:
        """Write the sampler as JSON."""
        save_marginals(folder, _METHOD, self.columns, self.marginals)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the sampler that `save` wrote.

        Raises:
            ArtifactError: the folder is damaged, or holds another kind of sampler.
        """
        return cls(*load_marginals(folder, _METHOD))


def draw_alone(marginal: Marginal, rows: int, rng: np.random.Generator, allowed: Allowed | None) -> pa.Array:
    """Return one column drawn from its marginal under a condition, shape (rows,)."""
    pieces = marginal.pieces if allowed is None else marginal.restrict(allowed)
    null = rng.random(rows) < null_share(marginal, allowed, float(pieces.mass.sum()))
    if len(pieces) == 0:
        return marginal.arrow(np.zeros(rows), np.ones(rows, dtype=bool))
    mass = pieces.mass if pieces.mass.sum() > 0.0 else np.ones(len(pieces))
    ends = np.cumsum(mass)
    point = rng.random(rows) * ends[-1]
    which = np.minimum(np.searchsorted(ends, point, side="right"), len(pieces) - 1).astype(np.int64)
    place = pieces.start[which] + pieces.mass[which] * rng.random(rows)
    return marginal.arrow(pieces.values(which, place), null)


def null_share(marginal: Marginal, allowed: Allowed | None, left: float) -> float:
    """Return the share of nulls among rows that satisfy a condition leaving `left` of the non-null rows."""
    if len(marginal.pieces) == 0:
        return 1.0
    if allowed is None:
        return marginal.null_share
    if not allowed.nulls:
        return 0.0
    if allowed.values == ():
        return 1.0
    kept = (1.0 - marginal.null_share) * left
    return marginal.null_share / (marginal.null_share + kept) if marginal.null_share + kept > 0.0 else 0.0
