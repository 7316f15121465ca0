"""What was measured, how sure is it, and may the data go out?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Direction(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"
    CEILING = "ceiling"  # the nearer to the figure of real held-out rows, the better
    NONE = "none"  # a description, not a quality


class Outcome(StrEnum):
    """What a gate, or a whole verdict, says."""

    PASS = "pass"
    FAIL = "fail"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval and its level."""

    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One figure: its value, how many rows it rests on, its interval, and what to hold it against.

    `check` is dotted, "family.measure" or "family.measure.figure" ("privacy.exact_copies"); `scope` names
    the columns, tables or groups it speaks of (empty: the whole data set). `ceiling` is the same figure
    for real held-out rows played as synthetic, `baseline` what a naive method gets. A figure that could
    not be measured has `value=None` and a `reason`; it is never a pass.

    Example:
        >>> Finding(check="fidelity.c2st", value=0.52, n=9768, direction=Direction.CEILING, ceiling=0.501).measured
        True
    """

    check: str
    value: float | None
    n: int
    direction: Direction
    scope: tuple[str, ...] = ()
    interval: Interval | None = None
    ceiling: float | None = None
    baseline: float | None = None
    p_value: float | None = None
    unit: str = ""
    reason: str = ""
    sentence: str = ""  # the figure in plain words, safe to publish
    detail: Mapping[str, Any] = field(default_factory=dict)  # JSON only; never a real row
    # Detail under these keys shows counts or values of real rows: dropped from pages meant for outsiders.
    sensitive_detail: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.value is None and not self.reason:
            raise ValueError(f"{self.check}: a finding without a value needs a reason")

    @property
    def measured(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    def to_dict(self) -> dict[str, Any]:
        """Return the finding as JSON-like data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """Return the finding that `to_dict` wrote."""
        values = dict(data)
        values["direction"] = Direction(values["direction"])
        values["scope"] = tuple(values.get("scope", ()))
        values["sensitive_detail"] = tuple(values.get("sensitive_detail", ()))
        if values.get("interval") is not None:
            values["interval"] = Interval(**values["interval"])
        return cls(**values)


def not_measured(check: str, reason: str, *, n: int = 0, scope: Sequence[str] = ()) -> Finding:
    """Return the finding of a check that could not be made, with the reason.

    Example:
        >>> not_measured("privacy.dcr", "no holdout was given").measured
        False
    """
    return Finding(check=check, value=None, n=n, direction=Direction.NONE, scope=tuple(scope), reason=reason)


def nothing_there(check: str, sentence: str, *, scope: Sequence[str] = ()) -> Finding:
    """Return the finding of a check that has nothing to find in such a table: no risk, or no difference.

    That is an answer, however many rows there are: a single column has no pair that could differ.

    Example:
        >>> nothing_there("fidelity.pairs", "There is one column: no pair can differ.").value
        0.0
    """
    return Finding(
        check=check,
        value=0.0,
        n=0,
        direction=Direction.LOWER,
        ceiling=0.0,
        baseline=0.0,
        p_value=1.0,
        scope=tuple(scope),
        sentence=sentence,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A rule that a finding must meet.

    The limit is `at_least` or `at_most` (one or both); with `relative_to="ceiling"` or "baseline" it is a
    margin added to that figure of the finding. With `p_below` the gate fails when the finding's p-value
    is under that level (after family-wise correction over all p-value gates); with a limit as well, it
    fails only when the difference is both sure and beyond the limit. `required=False` lets an unmeasured
    finding through, and says so.

    `rule` says how the interval counts: "interval" fails only when all of it lies beyond the limit (the
    figure is noisy and the doubt is the data's), "sure" passes only when all of it lies within (the burden
    of proof is the data's; astride the limit is "not measured"), "value" looks at the value alone.
    A finding resting on fewer than `min_rows` rows counts as not measured.
    """

    check: str
    why: str
    at_least: float | None = None
    at_most: float | None = None
    relative_to: str = "absolute"  # "absolute" | "ceiling" | "baseline"
    p_below: float | None = None
    scope: tuple[str, ...] | None = None  # None: every finding of the check
    required: bool = True
    rule: str = "interval"  # "interval" | "sure" | "value"
    min_rows: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What one gate said of one finding."""

    gate: Gate
    outcome: Outcome
    value: float | None
    limit: str  # the limit in words and figures, after ceiling and correction
    sentence: str
    scope: tuple[str, ...] = ()
    waived_by: str = ""
    waived_because: str = ""

    @property
    def stops(self) -> bool:
        """Whether this result stops a release: failed or (where required) not measured, and not waived."""
        excused = self.outcome is Outcome.NOT_MEASURED and not self.gate.required
        return self.outcome is not Outcome.PASS and not self.waived_by and not excused


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What all gates said together: releasable only when every one passed or was waived by name."""

    outcome: Outcome
    results: tuple[GateResult, ...]
    gate_set: str  # "share", "train", "test-data", "dp" or a file's digest
    synthetic_fingerprint: str
    real_fingerprint: str
    schema_fingerprint: str

    @property
    def failures(self) -> tuple[GateResult, ...]:
        """The results that stop a release."""
        return tuple(r for r in self.results if r.stops)

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON-like data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Verdict:
        """Return the verdict that `to_dict` wrote."""
        values = dict(data)
        values["outcome"] = Outcome(values["outcome"])
        values["results"] = tuple(_result(result) for result in values["results"])
        return cls(**values)


def _result(data: Mapping[str, Any]) -> GateResult:
    values, gate = dict(data), dict(data["gate"])
    gate["scope"] = None if gate.get("scope") is None else tuple(gate["scope"])
    values["gate"] = Gate(**gate)
    values["outcome"] = Outcome(values["outcome"])
    values["scope"] = tuple(values.get("scope", ()))
    return GateResult(**values)
