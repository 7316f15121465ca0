"""What happens inside the sandbox: sources are executed, then tests are called one by one, and a report is written.

A source's own file names stand in its tracebacks, with the lines, so that whoever repairs it sees what went wrong. The
report ends with a word that is handed over beforehand: a program that leaves early, or prints what a report looks like,
has not passed. Program and tests share a process, as they do in every test runner: one that takes the harness apart
can forge a report, so `tricks` (in the code engine) refuses what is needed for that.
"""

from __future__ import annotations

import json
import linecache
import os
import sys
import traceback
import types
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

_TRACEBACK = 2000  # characters a test


def prepared(orders: Mapping[str, Any]) -> Callable[[], None]:
    """Return the run of what is ordered; nothing is opened any more from then on."""
    report = os.fdopen(int(orders["report"]), "w", encoding="utf-8")
    sys.path[:] = [path for path in sys.path if path.startswith(sys.base_prefix)] + list(orders["packages"])
    for name in [name for name in sys.modules if name.partition(".")[0] == "veridical" and name != __name__]:
        del sys.modules[name]
    sys.argv = ["program"]
    sources, word, tests = list(orders["sources"]), str(orders["word"]), bool(orders["tests"])

    def run() -> None:
        found = _run(sources, tests=tests)
        json.dump({**found, "word": word}, report)
        report.flush()

    return run


def _run(sources: list[list[str]], *, tests: bool) -> dict[str, Any]:
    """Execute every source in turn; each later one sees the names of those before it, and may import them."""
    names: dict[str, Any] = {}
    for name, text in sources:
        module = types.ModuleType(name)
        module.__dict__.update({key: value for key, value in names.items() if not key.startswith("__")})
        linecache.cache[f"{name}.py"] = (len(text), None, text.splitlines(keepends=True), f"{name}.py")
        sys.modules[name] = module
        if (error := _tried(partial(_execute, text, name, module.__dict__))) is not None:
            return {"broken": name, **error, "tests": []}
        names = module.__dict__
    found = {key: value for key, value in names.items() if key.startswith("test") and callable(value)}
    results = [{"name": key, **(_tried(value) or {"error": ""})} for key, value in found.items()] if tests else []
    value = names.get("result")
    return {
        "broken": "",
        "error": "",
        "tests": results,
        "result": repr(value)[:_TRACEBACK] if value is not None else "",
    }


def _execute(text: str, name: str, names: dict[str, Any]) -> None:
    exec(compile(text, f"{name}.py", "exec"), names)


def _tried(then: Callable[[], object]) -> dict[str, str] | None:
    try:
        then()
    except MemoryError:
        return {"error": "MemoryError", "kind": "MemoryError"}
    except BaseException as wrong:  # noqa: BLE001 - sys.exit and KeyboardInterrupt of a program are failures too
        return {"error": _told(wrong), "kind": type(wrong).__name__}
    return None


def _told(wrong: BaseException) -> str:
    """Return the traceback from the program's own frames on."""
    lines = traceback.TracebackException.from_exception(wrong, limit=-8)
    kept = [frame for frame in lines.stack if frame.filename != __file__]
    lines.stack = traceback.StackSummary.from_list(kept)
    text = "".join(lines.format(chain=False))
    return text if len(text) <= _TRACEBACK else f"{text[: _TRACEBACK // 2]}\n...\n{text[-_TRACEBACK // 2 :]}"
