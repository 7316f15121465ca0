"""What may stand in a gate file, and what is wrong with it, on which line?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from veridical.core.finding import Gate
from veridical.spec.marks import Document, Problems

_Key = tuple[str, tuple[str, ...] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """One failing gate that a named person lets through, and why; it is signed into the manifest.

    `check` and `scope` say which result is meant; an empty scope means every result of the check.
    """

    check: str
    by: str
    because: str
    scope: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSet:
    """The gates that a data set must pass for one use.

    `audience` says who will see the page: "inside" (those who may see the real data), "outside" (no small
    count, no extreme, no row) or "private" (nothing computed from the real data without noise).
    `family_error` is the chance, over all gates together, of an alarm on data as good as real rows.
    """

    name: str
    summary: str
    gates: tuple[Gate, ...]
    audience: Literal["inside", "outside", "private", "charged"] = "outside"
    family_error: float = 0.01
    waivers: tuple[Waiver, ...] = ()


class _Strict(BaseModel):
    # Built when first used: most commands read one kind of file.
    model_config = ConfigDict(extra="forbid", defer_build=True, strict=False, str_strip_whitespace=True)


class _Gate(_Strict):
    check: str = Field(pattern=r"^[a-z][a-z0-9_]*(\.[a-z0-9_*]+)+$")
    why: str = Field(min_length=1)
    at_least: float | None = None
    at_most: float | None = None
    relative_to: Literal["absolute", "ceiling", "baseline"] = "absolute"
    p_below: float | None = Field(default=None, gt=0, lt=1)
    scope: list[str] | None = None
    required: bool = True
    rule: Literal["interval", "sure", "value"] = "interval"
    min_rows: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _has_a_limit(self) -> _Gate:
        if self.at_least is None and self.at_most is None and self.p_below is None:
            raise ValueError("a gate needs a limit: at_least, at_most or p_below")
        return self


class _Waiver(_Strict):
    check: str
    by: str = Field(min_length=1)
    because: str = Field(min_length=1)
    scope: list[str] = Field(default_factory=list)


class _GateFile(_Strict):
    name: str = Field(min_length=1)
    summary: str = ""
    extends: str | None = None
    audience: Literal["inside", "outside", "private", "charged"] = "outside"
    family_error: float = Field(default=0.01, gt=0, lt=0.5)
    gates: list[_Gate] = Field(default_factory=list)
    drop: list[str] = Field(default_factory=list)
    waivers: list[_Waiver] = Field(default_factory=list)


def read_gates(document: Document, *, known: Mapping[str, GateSet] | None = None) -> GateSet:
    """Return the gate set that a YAML document describes.

    With `extends`, the gates of the named set in `known` come first; one of the same check and scope
    here replaces them, and `drop` leaves checks out.

    Raises:
        SpecError: anything in the file is wrong; all problems are told at once, each with its line.

    Example:
        >>> from veridical.spec.marks import load
        >>> text = "name: mine\\ngates:\\n  - {check: fidelity.c2st, why: looks real, at_most: 0.6}"
        >>> read_gates(load(text, name="mine.yaml")).gates[0].at_most
        0.6
    """
    problems = Problems(document)
    try:
        file = _GateFile.model_validate(document.value)
    except ValidationError as wrong:
        for error in wrong.errors():
            place = error["loc"]
            name = ".".join(str(part) for part in place) or "the file"
            problems.add(f"{name}: {error['msg'].removeprefix('Value error, ')}", *place)
        problems.check()
        raise AssertionError("a validation error names at least one problem") from wrong
    inherited = _inherited(file, known if known is not None else {}, problems)
    _note_doubled(file, problems)
    gates = inherited | {(gate.check, gate.scope): gate for gate in map(_gate, file.gates)}
    checks = {check for check, _ in gates}
    for index, check in enumerate(file.drop):
        if check not in checks:
            problems.add(f"drop names {check!r}, which is no gate of the set", "drop", index, fix="check the spelling")
    problems.check()
    return GateSet(
        name=file.name,
        summary=file.summary,
        gates=tuple(gate for (check, _), gate in gates.items() if check not in file.drop),
        audience=file.audience,
        family_error=file.family_error,
        waivers=tuple(Waiver(check=w.check, by=w.by, because=w.because, scope=tuple(w.scope)) for w in file.waivers),
    )


def _inherited(file: _GateFile, known: Mapping[str, GateSet], problems: Problems) -> dict[_Key, Gate]:
    if file.extends is None:
        return {}
    if file.extends not in known:
        problems.add(f"extends {file.extends!r}, which is not known", "extends", fix=f"use {', '.join(known)}")
        return {}
    return {(gate.check, gate.scope): gate for gate in known[file.extends].gates}


def _gate(entry: _Gate) -> Gate:
    values = entry.model_dump()
    values["scope"] = None if entry.scope is None else tuple(entry.scope)
    return Gate(**values)


def _note_doubled(file: _GateFile, problems: Problems) -> None:
    seen: set[_Key] = set()
    for index, entry in enumerate(file.gates):
        key = (entry.check, None if entry.scope is None else tuple(entry.scope))
        if key in seen:
            problems.add(f"{entry.check} is gated twice for the same scope", "gates", index, fix="keep one")
        seen.add(key)
