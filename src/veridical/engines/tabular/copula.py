"""What does a table look like when columns keep their own distributions and move together as normals do?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import Allowed, RunContext
from veridical.core.schema import Column, Kind, Role
from veridical.encode.normal import ndtr, ndtri
from veridical.engines.tabular.independent import null_share
from veridical.engines.tabular.latent import Bound, correlate, draw_bound, mean_scores, score_variance
from veridical.engines.tabular.marginal import (
    Floats,
    Indexes,
    Marginal,
    Pieces,
    fit_marginal,
    order_categories,
    stacked,
)
from veridical.engines.tabular.shelf import load_marginals, load_matrix, save_marginals, save_matrix

_METHOD = "copula"


@dataclass(frozen=True, slots=True, kw_only=True)
class CopulaModel:
    """A Gaussian copula over numbers, categories and nulls.

    Categories without an order of their own are laid along the scale by how numbers and missingness differ
    between them. Correlations come from at most `correlation_rows` rows. Source: Patki, Wedge and Veeramachaneni,
    "The Synthetic Data Vault", 2016; mixed types after Olsson, Drasgow and Dorans, 1982.

    Example:
        >>> from veridical.core.schema import Kind
        >>> x = np.random.default_rng(0).normal(size=2000)
        >>> table = pa.table({"a": x, "b": 2.0 * x})
        >>> columns = [Column(name=name, kind=Kind.DECIMAL, storage="float64") for name in ("a", "b")]
        >>> sampler = CopulaModel().fit(table, columns, RunContext())
        >>> drawn = sampler.draw(1000, np.random.default_rng(1), allowed={"a": Allowed(low=1.0)})
        >>> bool(np.mean(drawn["b"].to_numpy()) > 2.0)
        True
    """

    correlation_rows: int = 200_000

    def fit(self, table: pa.Table, columns: Sequence[Column], ctx: RunContext, *, rare_below: int = 5) -> CopulaSampler:
        """Return the sampler of a prepared table (see `core.contracts.Sampler`).

        Columns of role CONTEXT, and columns of the table that are not listed, are learned as context.
        """
        listed = {column.name for column in columns}
        extra = [_context_column(table, name) for name in table.column_names if name not in listed]
        everything = (*columns, *extra)
        marginals = [fit_marginal(table[column.name], column, rare_below=rare_below) for column in everything]
        part = table
        if table.num_rows > self.correlation_rows:
            picked = ctx.rng("copula", "rows").choice(table.num_rows, self.correlation_rows, replace=False)
            part = table.take(pa.array(np.sort(picked)))
        marginals = _ordered(part, everything, marginals)
        return CopulaSampler(everything, tuple(marginals), _correlations(part, marginals))


@dataclass(frozen=True, slots=True)
class CopulaSampler:
    """Draws normal scores and maps each onto its column; implements `core.contracts.Sampler`.

    `rho` (latents, latents) holds one latent a column, then one for the nulls of every column that has both
    nulls and values.
    """

    everything: tuple[Column, ...]
    marginals: tuple[Marginal, ...]
    rho: Floats

    @property
    def columns(self) -> Sequence[Column]:
        """The columns generated, context left out."""
        return tuple(column for column in self.everything if column.role is not Role.CONTEXT)

    def draw(
        self,
        rows: int,
        rng: np.random.Generator,
        *,
        given: pa.Table | None = None,
        allowed: Mapping[str, Allowed] | None = None,
    ) -> pa.Table:
        """Return `rows` rows; columns given are kept and condition the rest, which satisfy `allowed`.

        Raises:
            DataError: nothing satisfies a condition.
        """
        limits = {
            name: limit for name, limit in (allowed or {}).items() if given is None or name not in given.schema.names
        }
        bounds = self._bounds(given, limits)
        scores, chosen = draw_bound(self.rho, rows, bounds, rng)
        nulls = self._null_latents()
        out = {}
        for i, (column, marginal) in enumerate(zip(self.everything, self.marginals, strict=True)):
            if column.role is Role.CONTEXT:
                continue
            if given is not None and column.name in given.schema.names:
                out[column.name] = given[column.name]
                continue
            pieces = bounds[i].pieces if i in bounds else marginal.pieces
            null = self._null_rows(i, rows, scores, nulls, limits.get(column.name), pieces, rng)
            out[column.name] = _decoded(marginal, pieces, scores[:, i], chosen.get(i), null)
        return pa.table(out)

    def save(self, folder: Path) -> None:
        """Write the sampler as JSON and Arrow."""
        save_marginals(folder, _METHOD, self.everything, self.marginals)
        save_matrix(folder, self.rho)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Return the sampler that `save` wrote.

        Raises:
            ArtifactError: the folder is damaged, or holds another kind of sampler.
        """
        return cls(*load_marginals(folder, _METHOD), load_matrix(folder))

    def _null_latents(self) -> dict[int, int]:
        return _null_latents(self.marginals)

    def _bounds(self, given: pa.Table | None, limits: Mapping[str, Allowed]) -> dict[int, Bound]:
        bounds: dict[int, Bound] = {}
        nulls = self._null_latents()
        for i, (column, marginal) in enumerate(zip(self.everything, self.marginals, strict=True)):
            if given is not None and column.name in given.schema.names:
                which, place = marginal.locate(given[column.name])
                if len(marginal.pieces):
                    bounds[i] = Bound(marginal.pieces, which, place)
                if i in nulls:
                    missing = given[column.name].is_null().to_numpy().astype(np.int64)
                    bounds[nulls[i]] = Bound(_null_pieces(marginal), 1 - missing)
            elif column.name in limits:
                pieces = marginal.restrict(limits[column.name])
                if len(pieces) and pieces is not marginal.pieces:
                    bounds[i] = Bound(pieces)
                if i in nulls and not limits[column.name].nulls:
                    bounds[nulls[i]] = Bound(_null_pieces(marginal).take(slice(1, 2)))
        return bounds

    def _null_rows(
        self,
        i: int,
        rows: int,
        scores: Floats,
        nulls: Mapping[int, int],
        limit: Allowed | None,
        pieces: Pieces,
        rng: np.random.Generator,
    ) -> NDArray[np.bool_]:
        share = null_share(self.marginals[i], limit, float(pieces.mass.sum()))
        if limit is not None and limit.values == () and limit.nulls:
            share = 1.0
        if i in nulls and 0.0 < share < 1.0:
            # The same score, cut where the share of nulls among the rows left lies.
            return scores[:, nulls[i]] < ndtri(share)
        return rng.random(rows) < share


def _decoded(
    marginal: Marginal, pieces: Pieces, scores: Floats, chosen: Indexes | None, null: NDArray[np.bool_]
) -> pa.Array:
    if len(pieces) == 0:
        return marginal.arrow(np.zeros(len(scores)), np.ones(len(scores), dtype=bool))
    place = ndtr(scores)
    which = np.minimum(np.searchsorted(pieces.end, place, side="right"), len(pieces) - 1) if chosen is None else chosen
    return marginal.arrow(pieces.values(which, place), null)


def _null_latents(marginals: Sequence[Marginal]) -> dict[int, int]:
    both = [i for i, marginal in enumerate(marginals) if 0.0 < marginal.null_share < 1.0]
    return {i: len(marginals) + count for count, i in enumerate(both)}


def _null_pieces(marginal: Marginal) -> Pieces:
    share = marginal.null_share
    return stacked(np.array([0.0, 1.0]), np.array([0.0, 1.0]), np.array([share, 1.0 - share]))


def _correlations(table: pa.Table, marginals: Sequence[Marginal]) -> Floats:
    nulls = _null_latents(marginals)
    scores = np.full((table.num_rows, len(marginals) + len(nulls)), np.nan)
    weights = np.zeros(scores.shape[1])
    for i, marginal in enumerate(marginals):
        scores[:, i] = _column_scores(table[marginal.name], marginal)
        weights[i] = score_variance(marginal.pieces)
        if i in nulls:
            pieces = _null_pieces(marginal)
            missing = ~np.isfinite(scores[:, i]) & table[marginal.name].is_null().to_numpy()
            scores[:, nulls[i]] = mean_scores(pieces)[np.where(missing, 0, 1)]
            weights[nulls[i]] = score_variance(pieces)
    return correlate(scores, weights)


def _column_scores(values: pa.ChunkedArray, marginal: Marginal) -> Floats:
    if len(marginal.pieces) == 0:
        return np.full(len(values), np.nan)
    which, _ = marginal.locate(values)
    return np.where(which >= 0, mean_scores(marginal.pieces)[np.maximum(which, 0)], np.nan)


def _ordered(table: pa.Table, columns: Sequence[Column], marginals: Sequence[Marginal]) -> list[Marginal]:
    """Nominal categories in the order of the direction in which the numbers' means differ most between them."""
    numeric = [_column_scores(table[m.name], m) for m in marginals if m.categories is None]
    scores = np.nan_to_num(np.column_stack(numeric)) if numeric else np.zeros((table.num_rows, 0))
    out = []
    for column, marginal in zip(columns, marginals, strict=True):
        fixed = column.kind in (Kind.ORDINAL, Kind.BOOLEAN)
        if marginal.categories is None or fixed or len(marginal.pieces) < 3 or scores.shape[1] == 0:
            out.append(marginal)
            continue
        which, _ = marginal.locate(table[marginal.name])
        seen = which >= 0
        counts = np.bincount(which[seen], minlength=len(marginal.pieces)).astype(np.float64)
        sums = np.column_stack([np.bincount(which[seen], s[seen], len(counts)) for s in scores.T])
        means = sums / (counts + 20.0)[:, None]
        centred = (means - (counts @ means) / max(counts.sum(), 1.0)) * np.sqrt(counts)[:, None]
        direction = np.linalg.svd(centred, full_matrices=False)[2][0]
        out.append(order_categories(marginal, means @ direction))
    return out


def _context_column(table: pa.Table, name: str) -> Column:
    kind = table.schema.field(name).type
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return Column(
        name=name, kind=Kind.DECIMAL if number else Kind.CATEGORY, storage="string", role=Role.CONTEXT, nullable=True
    )
