"""Which class does each row of a balanced request get, exact over all shards?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.core.contracts import SampleRequest, Shard
from veridical.core.errors import SpecError
from veridical.core.expression import quote
from veridical.core.rng import derive
from veridical.fabricate.draw import permute


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of a shard (counted from its first) that satisfy one more condition; `part` names their boosted part."""

    name: str
    where: str | None
    part: str
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Deal:
    labels: Sequence[str]
    wheres: Sequence[str | None]
    counts: NDArray[np.int64]


def groups_of(request: SampleRequest, shard: Shard, parts: Mapping[str, float]) -> list[Group]:
    """Return the groups of a shard: one for each combination of classes asked for and boosted part.

    `parts` holds the share of rows of each boosted part.

    Raises:
        SpecError: shares are negative, or add up to more than one.
    """
    rows = np.arange(shard.start, shard.start + shard.rows, dtype=np.int64)
    codes = np.zeros(shard.rows, dtype=np.int64)
    deals = {f"balance {name}": _classes(name, shares, request.rows) for name, shares in request.balance.items()}
    if parts:
        labels = list(parts)
        counts = largest_remainder([parts[label] for label in labels], request.rows)
        deals["boost"] = _Deal(labels, [None] * len(labels), counts)
    for name, deal in deals.items():
        place = permute(rows, request.rows, derive(request.seed, name) % 2**62)
        codes = codes * len(deal.labels) + np.searchsorted(np.cumsum(deal.counts), place, side="right")
    return [_group(int(code), np.flatnonzero(codes == code), deals) for code in np.unique(codes)]


def largest_remainder(shares: Sequence[float], total: int) -> NDArray[np.int64]:
    """Return whole counts that add up to `total`, each within one of its share.

    Example:
        >>> largest_remainder([0.5, 0.25, 0.25], 5).tolist()
        [3, 1, 1]
    """
    exact = np.asarray(shares) / np.sum(shares) * total
    counts = np.floor(exact + 1e-9).astype(np.int64)
    order = np.argsort(-(exact - counts), kind="stable")
    counts[order[: total - int(counts.sum())]] += 1
    return counts


def _classes(name: str, shares: Mapping[str, float], total: int) -> _Deal:
    asked = sum(shares.values())
    if not shares or min(shares.values()) < 0 or asked > 1 + 1e-6:
        fix = "give shares of 0 to 1 that add up to 1; less than 1 leaves the rest to the other classes"
        raise SpecError(f"the shares add up to {asked:g}", where=f"balance {name}", fix=fix)
    labels, weights = [str(value) for value in shares], [float(share) for share in shares.values()]
    column = quote(name)
    wheres: list[str | None] = [f"{column} == {label!r}" for label in labels]
    if asked < 1 - 1e-6:
        labels, weights = [*labels, "others"], [*weights, 1 - asked]
        wheres.append(f"{column} not in ({', '.join(repr(str(value)) for value in shares)})")
    return _Deal(labels, wheres, largest_remainder(weights, total))


def _group(code: int, rows: NDArray[np.int64], deals: Mapping[str, _Deal]) -> Group:
    wheres, names, part = [], [], ""
    for name, deal in reversed(list(deals.items())):
        code, place = divmod(code, len(deal.labels))
        names.append(f"{name}={deal.labels[place]}")
        where = deal.wheres[place]
        if where is not None:
            wheres.append(where)
        if name == "boost":
            part = deal.labels[place]
    text = " and ".join(reversed(wheres)) or None
    return Group(", ".join(reversed(names)), text, part, rows)
