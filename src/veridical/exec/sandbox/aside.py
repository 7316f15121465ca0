"""How does an event loop wait for programs in the sandbox, a few at a time?"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from veridical.exec.local import available_workers
from veridical.exec.sandbox.run import Outcome, Sandbox


async def run_aside(sandbox: Sandbox, *sources: str, tests: str = "") -> Outcome:
    """Do what `Sandbox.run` does without holding up the loop; as many at a time as there are cores.

    Raises:
        SandboxError: the level cannot be reached here.
    """
    return await asyncio.get_running_loop().run_in_executor(_pool(), lambda: sandbox.run(*sources, tests=tests))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(available_workers(), thread_name_prefix="sandbox")
