"""Who will look at this, and what must they not be shown?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from veridical.core.finding import Finding, GateResult, Outcome, Verdict
from veridical.core.schema import Schema
from veridical.spec.gates import GateSet

Counts = npt.NDArray[np.int64]


WITHHELD = "withheld: an exact figure of real rows is not differentially private"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """What may be shown of the real data.

    Inside: everything but rows. Outside: counts of real rows only as multiples of `k`, none under `k`, no
    exact extreme, no sensitive detail. Private: nothing computed from real rows but each gate's outcome.
    Charged: as private, but the findings at hand were all charged to a privacy ledger or need no real row.
    """

    name: str
    k: int

    @property
    def inside(self) -> bool:
        """Whether the readers may see the real data itself."""
        return self.name == "inside"

    @property
    def private(self) -> bool:
        """Whether figures made from real rows without noise are withheld."""
        return self.name in ("private", "charged")

    def shown(self, counts: Counts) -> Counts:
        """Return counts of real rows as they may be shown.

        Rounding all of them to multiples of k (and those under k to none) leaves no small cell to be
        recovered by subtracting one published count from another.

        Example:
            >>> Audience(name="outside", k=5).shown(np.array([1, 4, 5, 7, 98])).tolist()
            [0, 0, 5, 5, 100]
        """
        if self.inside:
            return counts
        rounded = self.k * ((counts + self.k // 2) // self.k)
        return np.where(counts < self.k, 0, rounded)

    def shown_beside(self, counts: Counts, real_rows: int) -> Counts:
        """Return counts of synthetic rows rounded as coarsely as those of so many real rows are.

        Nothing in them needs hiding; but a cell that vanished on one side only would look like a difference.
        """
        total = int(counts.sum())
        if self.inside or total == 0:
            return counts
        return self.shown(np.rint(counts * (real_rows / total)).astype(np.int64))


def audience_of(gates: GateSet, schema: Schema) -> Audience:
    """Return the audience of a gate set; k is the schema's `rare_below`, and 1 inside."""
    return Audience(name=gates.audience, k=1 if gates.audience == "inside" else max(schema.rare_below, 2))


def published_finding(finding: Finding, audience: Audience) -> Finding:
    """Return a finding as an audience may see it.

    Outside, detail marked sensitive goes. Under privacy every figure goes: an exact figure of the
    real data has no differential privacy, however harmless it looks. Source: Ganev & De Cristofaro
    2023, "On the Inadequacy of Similarity-based Privacy Metrics" (reconstruction from metrics).
    """
    if audience.inside or audience.name == "charged":
        return finding
    if audience.private:
        return replace(
            finding,
            value=None,
            interval=None,
            ceiling=None,
            baseline=None,
            p_value=None,
            n=0,
            sentence="",
            reason=WITHHELD,
            detail={},
        )
    return replace(finding, detail=_without(finding.detail, finding.sensitive_detail))


def published_verdict(verdict: Verdict, audience: Audience) -> Verdict:
    """Return a verdict as an audience may see it: under privacy, outcomes without figures."""
    if not audience.private or audience.name == "charged":
        return verdict
    return replace(verdict, results=tuple(_outcome_only(result) for result in verdict.results))


def published_findings(findings: Sequence[Finding], audience: Audience) -> list[Finding]:
    """Return all findings as an audience may see them."""
    return [published_finding(finding, audience) for finding in findings]


def _outcome_only(result: GateResult) -> GateResult:
    words = {
        Outcome.PASS: "",
        Outcome.FAIL: result.gate.why,
        Outcome.NOT_MEASURED: "not measured",
    }
    limit = result.limit if result.gate.relative_to == "absolute" else ""
    return replace(result, value=None, limit=limit, sentence=words[result.outcome])


def _without(detail: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in detail.items() if key not in keys}
