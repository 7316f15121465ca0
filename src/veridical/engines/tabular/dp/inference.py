"""Which distribution agrees best with all noisy marginals at once?

The one of largest entropy among those nearest to the measurements (Private-PGM, McKenna, Sheldon & Miklau 2019): a
log-linear model with one table of parameters for each measured set, found by mirror descent. Marginals come from one
pass up and one down the junction tree, in plain numbers scaled by their largest (one exponential for each cell).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from veridical.engines.tabular.dp.junction import Clique, Junction, junction_of

Floats = NDArray[np.float64]
_LOWEST = -60.0  # parameters are held here: a cell of weight e^-60 is never drawn


@dataclass(frozen=True, slots=True)
class Measurement:
    """Noisy counts of the cells of some columns (sorted), and the scale of the noise on each cell."""

    columns: Clique
    counts: Floats
    sigma: Floats | float


@dataclass(frozen=True)
class Fitted:
    """Parameters by measured set, on a junction tree; `total` is the number of rows it stands for."""

    sizes: tuple[int, ...]
    junction: Junction
    parameters: Mapping[Clique, Floats]
    total: float

    def tables(self) -> list[Floats]:
        """Return each clique's table of expected counts."""
        return propagated(self.junction, potentials(self), self.total)

    def marginal(self, columns: Sequence[int], tables: Sequence[Floats] | None = None) -> Floats:
        """Return expected counts of the cells of some columns (sorted), each in the table's shape.

        Columns of several cliques are joined along the tree, so that any set can be asked for.
        """
        known = self.tables() if tables is None else tables
        place = self.junction.holder(columns)
        if place is not None:
            return summed(known[place], self.junction.cliques[place], tuple(columns))
        return _joined(self, tuple(columns), known)


def fit(
    measurements: Sequence[Measurement],
    sizes: Sequence[int],
    total: float,
    *,
    start: Fitted | None = None,
    iterations: int = 60,
    junction: Junction | None = None,
) -> Fitted:
    """Return the model that is nearest to all measurements, starting from an earlier one when given."""
    sets = list(dict.fromkeys(m.columns for m in measurements))
    tree = junction_of(sets, sizes) if junction is None else junction
    known = {} if start is None else start.parameters
    zeros = {c: np.zeros(tuple(sizes[i] for i in c)) for c in sets}
    parameters = {c: known.get(c, zeros[c]) for c in sets}
    parameters |= {c: values for c, values in known.items() if c not in parameters}
    return _descended(Fitted(tuple(sizes), tree, parameters, total), measurements, iterations)


def _descended(fitted: Fitted, measurements: Sequence[Measurement], iterations: int) -> Fitted:
    """Mirror descent with a step that grows while it helps and shrinks when it does not."""
    if not measurements:
        return fitted
    homes = {c: fitted.junction.holder(c) for c in fitted.parameters}
    loss, slopes = _loss(fitted, measurements, homes)
    tightest = min(float(np.min(m.sigma)) for m in measurements)
    step = 2.0 * tightest**2 / max(fitted.total, 1.0)
    for _ in range(iterations):
        moved = {
            c: np.maximum(values - step * slopes[c], _LOWEST) if c in slopes else values
            for c, values in fitted.parameters.items()
        }
        tried = replace(fitted, parameters=moved)
        new_loss, new_slopes = _loss(tried, measurements, homes)
        if new_loss <= loss:
            done = loss - new_loss < 1e-4 * loss
            fitted, loss, slopes, step = tried, new_loss, new_slopes, step * 1.4
            if done:
                break
        else:
            step *= 0.4
    return fitted


def _loss(
    fitted: Fitted, measurements: Sequence[Measurement], homes: Mapping[Clique, int | None]
) -> tuple[float, dict[Clique, Floats]]:
    tables = fitted.tables()
    loss = 0.0
    slopes: dict[Clique, Floats] = {}
    for measured in measurements:
        home = homes[measured.columns]
        assert home is not None
        expected = summed(tables[home], fitted.junction.cliques[home], measured.columns)
        weight = 1.0 / np.square(measured.sigma)
        miss = expected - measured.counts
        slope = miss * weight
        loss += 0.5 * float(np.vdot(miss, slope))
        slopes[measured.columns] = slopes[measured.columns] + slope if measured.columns in slopes else slope
    return loss, slopes


def potentials(fitted: Fitted) -> list[Floats]:
    tree, sizes = fitted.junction, fitted.sizes
    logs = [np.zeros(tuple(sizes[c] for c in clique)) for clique in tree.cliques]
    for columns, values in fitted.parameters.items():
        home = tree.holder(columns)
        if home is not None:
            logs[home] += spread(values, columns, tree.cliques[home])
    return [np.exp(log - log.max()) for log in logs]


def propagated(tree: Junction, tables: list[Floats], total: float) -> list[Floats]:
    """Return calibrated tables (Hugin): messages up to the roots, then down again."""
    up: list[Floats] = [np.ones(())] * len(tables)
    for place in range(len(tables) - 1, -1, -1):
        parent = tree.parents[place]
        if parent < 0:
            continue
        message = summed(tables[place], tree.cliques[place], tree.separators[place])
        message = message / max(float(message.max()), 1e-300)
        up[place] = message
        tables[parent] = tables[parent] * spread(message, tree.separators[place], tree.cliques[parent])
    for place, parent in enumerate(tree.parents):
        if parent >= 0:
            above = summed(tables[parent], tree.cliques[parent], tree.separators[place])
            ratio = np.divide(above, up[place], out=np.zeros_like(above), where=up[place] > 0)
            tables[place] = tables[place] * spread(ratio, tree.separators[place], tree.cliques[place])
        tables[place] = tables[place] * (total / max(float(tables[place].sum()), 1e-300))
    return tables


def summed(table: Floats, have: Clique, want: Clique) -> Floats:
    """Return a table with the columns that are not wanted summed out."""
    gone = tuple(axis for axis, column in enumerate(have) if column not in want)
    return table.sum(axis=gone) if gone else table


def spread(values: Floats, have: Clique, want: Clique) -> Floats:
    """Return values shaped so that they broadcast over a larger set of columns."""
    shape = iter(values.shape)
    return values.reshape(tuple(next(shape) if column in have else 1 for column in want))


@dataclass(frozen=True)
class _Piece:
    columns: Clique
    table: Floats = field(repr=False)


def _joined(fitted: Fitted, wanted: Clique, tables: Sequence[Floats]) -> Floats:
    """Sum the product of conditionals along the tree, keeping only what is wanted or still shared."""
    tree = fitted.junction
    pieces: dict[int, list[_Piece]] = {place: [] for place in range(len(tables))}
    needed = _needed(tree, wanted)
    answer: list[_Piece] = []
    for place in range(len(tables) - 1, -1, -1):
        if place not in needed:
            continue
        clique, parent = tree.cliques[place], tree.parents[place]
        keep = {c for c in clique if c in wanted} | set(tree.separators[place])
        shared = {c for piece in pieces[place] for c in piece.columns}
        own = tuple(c for c in clique if c in keep or c in shared)
        piece = _Piece(own, summed(tables[place], clique, own))
        for other in pieces[place]:
            piece = _times(piece, other)
        columns = tuple(c for c in piece.columns if c in wanted or c in tree.separators[place])
        piece = _Piece(columns, summed(piece.table, piece.columns, columns))
        if parent >= 0 and parent in needed:
            base = summed(tables[place], clique, tree.separators[place])
            share = np.divide(1.0, base, out=np.zeros_like(base), where=base > 0)
            pieces[parent].append(_times(piece, _Piece(tree.separators[place], share)))
        else:
            final = tuple(c for c in piece.columns if c in wanted)
            answer.append(_Piece(final, summed(piece.table, piece.columns, final)))
    result = answer[0]
    for other in answer[1:]:
        result = _times(result, _Piece(other.columns, other.table / fitted.total))
    return result.table


def _needed(tree: Junction, wanted: Clique) -> set[int]:
    """Return cliques enough to cover the wanted columns, with all that lies between them."""
    needed: set[int] = set()
    for column in wanted:
        place = tree.holder((column,))
        while place is not None and place >= 0 and place not in needed:
            needed.add(place)
            place = tree.parents[place]
    return needed


def _times(one: _Piece, two: _Piece) -> _Piece:
    columns = tuple(sorted({*one.columns, *two.columns}))
    return _Piece(columns, spread(one.table, one.columns, columns) * spread(two.table, two.columns, columns))
