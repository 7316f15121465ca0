"""Which of the accepted records are the best K? The others stay in the lineage (rejection sampling)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from veridical.core.errors import DataError
from veridical.store.journal import Journal

if TYPE_CHECKING:
    from veridical.spec.text import TextSpec

CHECK = "best"


def unchosen(journal: Journal, spec: TextSpec) -> dict[str, str]:
    """Return the id of every accepted record that is not among the best, with the reason; none where all are wanted.

    The best are taken within each cell of the quotas, so that their shares stay what they were.

    Raises:
        DataError: no record has the score.
    """
    if spec.best is None:
        return {}
    cells: dict[tuple[str, ...], list[tuple[float, int, str]]] = defaultdict(list)
    known: set[str] = set()
    for row in journal.records("accepted"):
        body: Mapping[str, Any] = orjson.loads(row.body)
        known.update(body["scores"])
        cell = tuple(str(body["attributes"].get(name, "")) for name in spec.quotas)
        score = body["scores"].get(spec.best.by, float("-inf"))
        cells[cell].append((-float(score), row.seq, row.id))
    if cells and spec.best.by not in known:
        raise DataError(
            f"no record has the score {spec.best.by!r}",
            where="best.by",
            fix=f"the scores are: {', '.join(sorted(known)) or 'none; add a check that scores'}",
        )
    counts = shared_out(spec.best.records, {cell: len(items) for cell, items in cells.items()})
    turned: dict[str, str] = {}
    for cell, items in cells.items():
        for score, _, key in sorted(items)[counts[cell] :]:
            turned[key] = f"{spec.best.by} {-score:.3g} is not among the best {counts[cell]} of {len(items)}"
    return turned


def shared_out(total: int, sizes: Mapping[Any, int]) -> dict[Any, int]:
    """Return `total` shared among cells in proportion to their sizes (largest remainders), never above a size.

    Example:
        >>> shared_out(5, {"a": 30, "b": 10, "c": 10})
        {'a': 3, 'b': 1, 'c': 1}
    """
    whole = sum(sizes.values())
    total = min(total, whole)
    counts = {cell: total * size // max(1, whole) for cell, size in sizes.items()}
    rests = sorted(sizes, key=lambda cell: -(total * sizes[cell] % max(1, whole)))
    for cell in rests[: total - sum(counts.values())]:
        counts[cell] += 1
    return counts
