"""What does a table look like of which only a profile may be told?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from veridical.core.errors import DataError
from veridical.core.profile import ColumnProfile, TableProfile
from veridical.core.schema import CATEGORY_KINDS, TEMPORAL_KINDS, Column, Kind, Role
from veridical.engines.tabular.copula import CopulaSampler
from veridical.engines.tabular.latent import nearest_correlation
from veridical.engines.tabular.marginal import Floats, Marginal, Pieces, of_categories, stacked


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileEngine:
    """Turns a shared profile into a sampler of prepared columns; no row of the source is read.

    Numbers follow the profile's quantiles and spikes, categories their shares, and columns move together as the
    profile's correlations say.

    Example:
        >>> told = ColumnProfile(name="age", rows=100, null_share=0.1, distinct=50, quantiles=(18.0, 40.0, 70.0))
        >>> profile = TableProfile(name="people", rows=100, columns=(told,))
        >>> column = Column(name="age", kind=Kind.INTEGER, storage="int64", nullable=True)
        >>> drawn = ProfileEngine().sampler(profile, [column]).draw(500, np.random.default_rng(0))
        >>> 18 <= min(v for v in drawn["age"].to_pylist() if v is not None)
        True
    """

    def sampler(self, profile: TableProfile, columns: Sequence[Column]) -> CopulaSampler:
        """Return the sampler of the modelled columns (kinds that hold numbers, times or categories).

        Raises:
            DataError: the profile tells nothing of a column.
        """
        told = {column.name: column for column in profile.columns}
        own = tuple(column for column in columns if column.role is not Role.DROP)
        missing = [column.name for column in own if column.name not in told]
        if missing:
            raise DataError(
                f"the profile tells nothing of {', '.join(missing[:5])}",
                where=profile.name,
                fix="learn the source again, or drop these columns in the schema",
            )
        marginals = tuple(_marginal(column, told[column.name]) for column in own)
        return CopulaSampler(own, marginals, _matrix(profile, own, marginals))

    def sample(self, profile: TableProfile, columns: Sequence[Column], rows: int, seed: int) -> pa.Table:
        """Return `rows` prepared rows."""
        return self.sampler(profile, columns).draw(rows, np.random.default_rng(seed))


def _marginal(column: Column, told: ColumnProfile) -> Marginal:
    if column.kind in CATEGORY_KINDS or (told.categories and not told.quantiles):
        shares = dict(told.categories)
        if column.kind in (Kind.ORDINAL, Kind.BOOLEAN) and column.categories:
            rank = {text: place for place, text in enumerate(column.categories)}
            shares = dict(sorted(shares.items(), key=lambda entry: rank.get(entry[0], len(rank))))
        return of_categories(column, shares, told.null_share)
    integer = column.kind is Kind.INTEGER or column.kind in TEMPORAL_KINDS
    return Marginal(column.name, told.null_share, _pieces(told), integer)


def _pieces(told: ColumnProfile) -> Pieces:
    spikes = np.array([[value, share] for value, share in told.spikes], dtype=np.float64).reshape(-1, 2)
    quantiles = np.array(told.quantiles, dtype=np.float64)
    low, high = spikes[:, 0], spikes[:, 0]
    mass = spikes[:, 1]
    if len(quantiles) > 1:
        edges = _without_spikes(quantiles, spikes)
        left = max(1.0 - float(mass.sum()), 0.0)
        low, high = np.concatenate([low, edges[:-1]]), np.concatenate([high, edges[1:]])
        mass = np.concatenate([mass, np.full(len(edges) - 1, left / (len(edges) - 1))])
    order = np.argsort((low + high) / 2.0, kind="stable")
    return stacked(low[order], high[order], mass[order])


def _without_spikes(quantiles: Floats, spikes: Floats) -> Floats:
    """The quantiles of what is left when spikes are taken out of the distribution."""
    places = np.linspace(0.0, 1.0, len(quantiles))
    if len(spikes) == 0 or float(spikes[:, 1].sum()) >= 1.0:
        return quantiles
    grid = np.unique(np.concatenate([quantiles, spikes[:, 0]]))
    # Share at or under each value; jumps at spikes are then taken away.
    under = np.interp(grid, *_last_place(quantiles, places))
    jumps = np.array([spikes[spikes[:, 0] <= value, 1].sum() for value in grid])
    rest = np.maximum.accumulate(np.maximum(under - jumps, 0.0))
    if rest[-1] <= 0.0:
        return quantiles
    return np.interp(np.linspace(0.0, rest[-1], len(quantiles)), rest + np.arange(len(rest)) * 1e-12, grid)


def _last_place(quantiles: Floats, places: Floats) -> tuple[Floats, Floats]:
    values, first = np.unique(quantiles[::-1], return_index=True)
    return values, places[::-1][first]


def _matrix(profile: TableProfile, columns: Sequence[Column], marginals: Sequence[Marginal]) -> Floats:
    place = {column.name: i for i, column in enumerate(columns)}
    nulls = sum(0.0 < marginal.null_share < 1.0 for marginal in marginals)
    rho = np.eye(len(columns) + nulls)
    for pair, value in profile.correlations.items():
        for cut in (i for i, letter in enumerate(pair) if letter == "|"):
            one, other = place.get(pair[:cut]), place.get(pair[cut + 1 :])
            if one is not None and other is not None and one != other:
                rho[one, other] = rho[other, one] = float(np.clip(value, -0.995, 0.995))
    return nearest_correlation(rho)
