"""Into which parts is a request cut, whoever works on them?"""

from __future__ import annotations

from veridical.core.contracts import Shard
from veridical.core.errors import SpecError

SHARD_ROWS = 131_072


def plan(rows: int, *, shard_rows: int = SHARD_ROWS) -> tuple[Shard, ...]:
    """Return the shards of a request: of equal size but for the last, and never dependent on the workers.

    Raises:
        SpecError: fewer than one row is asked for.

    Example:
        >>> [(shard.start, shard.rows) for shard in plan(250, shard_rows=100)]
        [(0, 100), (100, 100), (200, 50)]
    """
    if rows < 1:
        raise SpecError(f"{rows} rows are asked for", where="rows", fix="ask for 1 row or more")
    count = -(-rows // shard_rows)
    return tuple(
        Shard(index, count, index * shard_rows, min(shard_rows, rows - index * shard_rows)) for index in range(count)
    )
