"""What does a manifest say of a verdict, of waivers, and of when and with what a release was made?"""

from __future__ import annotations

import datetime as dt
import os
import platform
from typing import Any

from veridical.core.finding import GateResult, Outcome, Verdict


def verdict_facts(verdict: Verdict, judged_rows: int | None) -> dict[str, Any]:
    """Return what the gates said, as JSON-like data; `judged_rows` counts the synthetic rows looked at."""
    return {
        "outcome": "pass" if verdict.outcome is Outcome.PASS else f"{verdict.outcome.value}, waived",
        "gate_set": verdict.gate_set,
        "judged_rows": judged_rows,
        "results": [_result(result) for result in verdict.results],
    }


def waiver_facts(verdict: Verdict) -> list[dict[str, Any]]:
    """Return who waived which check and why, as JSON-like data."""
    return [
        {"check": r.gate.check, "by": r.waived_by, "because": r.waived_because, "sentence": r.sentence}
        for r in verdict.results
        if r.waived_by
    ]


def making_facts() -> dict[str, Any]:
    """Return when, and with which versions, as JSON-like data.

    The environment's SOURCE_DATE_EPOCH (reproducible-builds.org) makes two releases of the same run alike.
    """
    from veridical.core.version import VERSION

    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = dt.datetime.now(dt.UTC) if epoch is None else dt.datetime.fromtimestamp(int(epoch), dt.UTC)
    return {
        "made_at": moment.replace(microsecond=0).isoformat(),
        "made_with": {"veridical": VERSION, "python": platform.python_version(), **_versions()},
    }


def _result(result: GateResult) -> dict[str, Any]:
    return {
        "check": result.gate.check,
        "scope": list(result.scope),
        "outcome": result.outcome.value,
        "value": result.value,
        "limit": result.limit,
        "why": result.gate.why,
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("numpy", "pyarrow", "scipy", "scikit-learn")}
