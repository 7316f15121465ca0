"""Who runs the shards on a Ray cluster? (The only file that imports ray.)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from veridical.core.contracts import Result, Shard, Task
from veridical.core.errors import MissingExtraError


@dataclass(frozen=True, slots=True, kw_only=True)
class RayTasks:
    """Runs shards as Ray tasks; all nodes need the same folder mounted, for shards go to disk."""

    address: str | None = None
    in_flight: int = 64

    def run(self, task: Task, shards: Sequence[Shard]) -> Iterator[Result]:
        """Yield results as they come.

        Raises:
            MissingExtraError: ray is not installed.
        """
        try:
            ray: Any = import_module("ray")
        except ModuleNotFoundError as missing:
            raise MissingExtraError("ray is not installed", where="exec.ray", fix="pip install ray") from missing
        if not ray.is_initialized():
            ray.init(address=self.address, log_to_driver=False)
        remote: Any = ray.remote(max_retries=2)(_call)
        shared = ray.put(task)
        waiting = list(reversed(shards))
        running: dict[Any, Shard] = {}
        while waiting or running:
            while waiting and len(running) < self.in_flight:
                shard = waiting.pop()
                running[remote.remote(shared, shard)] = shard
            (ready, *_), _ = ray.wait(list(running), num_returns=1)
            yield Result(running.pop(ready), ray.get(ready))


def _call(task: Task, shard: Shard) -> Any:
    return task(shard)
