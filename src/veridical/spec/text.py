"""What may stand in the YAML file of a text run, and what is wrong with it, on which line?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from veridical.core.errors import SpecError
from veridical.spec.gates import Waiver
from veridical.spec.marks import Document, Place, Problems, read
from veridical.spec.run import read_count

PROVIDERS = ("openai_compatible", "anthropic", "embedded", "scripted")
OPENAI = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Part:
    """A recipe, check or pool by name, its options, and where in the document it stands."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    place: Place = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Who answers for a role: a provider, its model and place, and how hard it may be pressed.

    `options` are the provider's own fields (base_url, key_variable, weights ...), `limits` those of its window.
    """

    provider: str
    options: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    batch: bool = False


@dataclass(frozen=True, slots=True)
class Best:
    """Only the `records` of the highest score `by` go out, of all that were accepted."""

    by: str
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSpec:
    """All that a text run is told; `document` is what it was read from, so that later problems have lines too."""

    recipe: Part
    models: Mapping[str, tuple[ModelSpec, ...]]
    records: int
    beside: Path
    document: Document = field(compare=False, repr=False)
    quotas: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    best: Best | None = None
    max_candidates: int | None = None
    in_flight: int = 256
    checks: tuple[Part, ...] = ()
    pools: tuple[Part, ...] = ()
    gates: str | None = None
    seeds: Path | None = None
    holdout: Path | None = None
    target: str | None = None
    output: Path | None = None
    export: tuple[str, ...] = ()
    max_cost: float | None = None
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    seed: int = 0
    waivers: tuple[Waiver, ...] = ()
    release: bool = True
    licence: str = ""


def read_text(path: Path) -> TextSpec:
    """Return the text run that a YAML file declares; its paths are taken from where the file lies.

    Raises:
        SpecError: anything in it is wrong; all problems are told at once, each with its line.
    """
    return parse_text(read(path), beside=path.parent)


def parse_text(document: Document, *, beside: Path) -> TextSpec:
    """Return the text run that a YAML document declares.

    Raises:
        SpecError: anything in it is wrong; all problems are told at once, each with its line.

    Example:
        >>> from veridical.spec.marks import load
        >>> text = "recipe: {name: prompt, options: {prompt: Say hi}}\\nmodels: {teacher: embedded}\\nrecords: 1k"
        >>> spec = parse_text(load(text), beside=Path("."))
        >>> spec.records, spec.models["teacher"][0].provider
        (1000, 'embedded')
    """
    if not isinstance(document.value, dict):
        raise SpecError(
            "the file declares no text run", where=document.name, fix="write `recipe:`, `models:`, `records:`"
        )
    problems = Problems(document)
    try:
        file = _TextFile.model_validate(document.value)
    except ValidationError as wrong:
        _explain(wrong, problems)
        _note_missing_files(document.value, beside, problems)
        problems.check()
        raise AssertionError("a validation error names at least one problem") from wrong
    _note_missing_files(document.value, beside, problems)
    quotas = _quotas(file, problems)
    if "teacher" not in file.models:
        problems.add("no model answers for the role 'teacher'", "models", fix="name one `teacher:`")
    if file.best is not None and file.best.records > file.records:
        problems.add(
            f"the best {file.best.records} of {file.records} records are asked for", "best", "records",
            fix="let `records` be what is gathered and `best.records` what goes out",
        )  # fmt: skip
    problems.check()
    return _spec(file, quotas, document, beside)


def _named(value: Any) -> Any:
    """Return `name`, `{name: options}` and `{name: ..., options: ...}` as the last."""
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict) and len(value) == 1 and "name" not in value:
        ((name, options),) = value.items()
        return {"name": name, "options": options or {}}
    return value


def _models(value: Any) -> Any:
    if isinstance(value, str | dict):
        value = [value]
    return [{"provider": item} if isinstance(item, str) else item for item in value] if _is_list(value) else value


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


class _Strict(BaseModel):
    # Built when first used: most commands read one kind of file.
    model_config = ConfigDict(extra="forbid", defer_build=True, str_strip_whitespace=True)


class _Part(_Strict):
    name: str = Field(min_length=1)
    options: dict[str, Any] = Field(default_factory=dict)


class _Limits(_Strict):
    start_window: int | None = Field(default=None, ge=1)
    largest_window: int | None = Field(default=None, ge=1)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    attempts: int | None = Field(default=None, ge=1, le=100)
    patience: float | None = Field(default=None, ge=1)
    least_timeout_s: float | None = Field(default=None, gt=0)
    longest_wait_s: float | None = Field(default=None, gt=0)
    break_after: int | None = Field(default=None, ge=2)
    break_for_s: float | None = Field(default=None, gt=0)


class _Model(_Strict):
    provider: Literal["openai_compatible", "anthropic", "embedded", "scripted"] = "openai_compatible"
    model: str | None = None
    base_url: str | None = None
    key_variable: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$|^$")
    timeout_s: float | None = Field(default=None, gt=0)
    extra_body: dict[str, Any] | None = None
    token_field: str | None = None
    native_schema: bool | None = None
    raw_prompts: Literal["auto", "completions", "chat"] | None = None
    weights: str | None = None
    slots: int | None = Field(default=None, ge=1)
    context_tokens: int | None = Field(default=None, ge=128)
    threads: int | None = Field(default=None, ge=1)
    transcript: str | None = None
    batch: bool = False
    gather_s: float | None = Field(default=None, gt=0)
    poll_s: float | None = Field(default=None, gt=0)
    limits: _Limits = Field(default_factory=_Limits)


class _Waive(_Strict):
    check: str = Field(min_length=1)
    by: str = Field(min_length=1)
    because: str = Field(min_length=1)


class _Best(_Strict):
    by: str = Field(min_length=1)
    records: Annotated[int, BeforeValidator(read_count)]


class _Price(_Strict):
    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)


_Roster = Annotated[list[_Model], BeforeValidator(_models), Field(min_length=1)]
_Named = Annotated[_Part, BeforeValidator(_named)]


class _TextFile(_Strict):
    recipe: _Named
    models: dict[str, _Roster]
    records: Annotated[int, BeforeValidator(read_count)]
    quotas: dict[str, dict[str, Annotated[int, Field(ge=0)]] | list[str]] = Field(default_factory=dict)
    best: _Best | None = None
    max_candidates: Annotated[int, BeforeValidator(read_count)] | None = None
    in_flight: int = Field(default=256, ge=1, le=100_000)
    checks: list[_Named] = Field(default_factory=list)
    pools: list[_Named] = Field(default_factory=list)
    gates: str | None = None
    seeds: str | None = None
    holdout: str | None = None
    target: str | None = None
    output: str | None = None
    export: list[str] = Field(default_factory=list)
    max_cost: float | None = Field(default=None, ge=0)
    prices: dict[str, _Price] = Field(default_factory=dict)
    seed: int = Field(default=0, ge=0, lt=2**63)
    waivers: list[_Waive] = Field(default_factory=list)
    release: bool = True
    licence: str = ""


_NEEDS = {"openai_compatible": "model", "anthropic": "model", "scripted": "transcript"}
_TAKES: Mapping[str, tuple[str, ...]] = {
    "openai_compatible": (
        "model", "base_url", "key_variable", "timeout_s", "extra_body", "token_field", "native_schema",
        "raw_prompts", "batch", "gather_s", "poll_s",
    ),
    "anthropic": ("model", "base_url", "key_variable", "timeout_s", "batch", "gather_s", "poll_s"),
    "embedded": ("weights", "slots", "context_tokens", "threads"),
    "scripted": ("transcript",),
}  # fmt: skip


def _explain(wrong: ValidationError, problems: Problems) -> None:
    known = list(_TextFile.model_fields)
    told: set[tuple[Any, ...]] = set()
    for error in wrong.errors():
        place = _place(error["loc"], problems.document)
        if place in told:
            continue  # one value, refused by each member of a union
        told.add(place)
        name = ".".join(str(part) for part in place)
        if error["type"] == "extra_forbidden":
            fix = f"the parts are {', '.join(known)}" if len(place) == 1 else None
            problems.add(f"there is no part {name!r}", *place, fix=fix)
        elif error["type"] == "missing":
            problems.add(f"{name} is missing", *place[:-1], fix=f"add `{place[-1]}:`")
        else:
            message = error["msg"].removeprefix("Value error, ")
            problems.add(f"{name}: {message[0].lower()}{message[1:]}", *place)


def _place(location: Sequence[Any], document: Document) -> Place:
    """Leave out what pydantic adds: members of unions, and the index of a list that a person left out."""
    place: list[str | int] = []
    value = document.value
    for part in location:
        if isinstance(part, str) and part.startswith(("list[", "dict[", "constrained-", "function-")):
            continue
        if isinstance(part, int) and not isinstance(value, list):
            continue
        place.append(part)
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            value = None
    return tuple(place)


def _note_missing_files(value: Mapping[str, Any], beside: Path, problems: Problems) -> None:
    for name in ("seeds", "holdout"):
        if isinstance(path := value.get(name), str) and not (beside / path).exists():
            problems.add(f"{name}: there is no file {path!r}", name, fix=f"paths are taken from {beside}")
    models = value.get("models")
    for role, given in models.items() if isinstance(models, dict) else ():
        listed = isinstance(given, list)
        for index, item in enumerate(given if listed else [given]):
            place = ("models", role, index) if listed else ("models", role)
            item = {"provider": item} if isinstance(item, str) else item
            if isinstance(item, dict):
                _note_model(item, place, beside, problems)


def _note_model(item: Mapping[str, Any], place: Place, beside: Path, problems: Problems) -> None:
    provider = item.get("provider", "openai_compatible")
    if provider not in _TAKES:
        return  # told already
    needed = _NEEDS.get(provider)
    if needed and not item.get(needed):
        problems.add(f"{place[1]}: a model of {provider} needs `{needed}`", *place, fix=f"add `{needed}:`")
    for name in item:
        if name in _Model.model_fields and name not in (*_TAKES[provider], "provider", "limits"):
            problems.add(f"{place[1]}: {provider} knows no {name!r}", *place, name, fix="leave it out")
    for name in ("weights", "transcript"):
        file = item.get(name)
        if isinstance(file, str) and not (beside / file).is_file():
            problems.add(f"{place[1]}: there is no file {file!r}", *place, name, fix=f"paths are taken from {beside}")


def _quotas(file: _TextFile, problems: Problems) -> dict[str, dict[str, int]]:
    quotas: dict[str, dict[str, int]] = {}
    for dimension, given in file.quotas.items():
        values = given if isinstance(given, dict) else _even(given, file.records)
        if sum(values.values()) != file.records:
            problems.add(
                f"the quotas of {dimension!r} add up to {sum(values.values())}, not to {file.records}",
                "quotas", dimension, fix="let them add up to `records`, or list the values to share evenly",
            )  # fmt: skip
        quotas[dimension] = values
    return quotas


def _even(values: Sequence[str], records: int) -> dict[str, int]:
    names = list(dict.fromkeys(values))
    return {name: records // len(names) + (index < records % len(names)) for index, name in enumerate(names)}


def _spec(file: _TextFile, quotas: dict[str, dict[str, int]], document: Document, beside: Path) -> TextSpec:
    custom = file.gates is not None and file.gates.endswith((".yaml", ".yml"))
    return TextSpec(
        recipe=Part(file.recipe.name, file.recipe.options, ("recipe",)),
        models={role: tuple(_model(m, beside) for m in models) for role, models in file.models.items()},
        records=file.records,
        beside=beside,
        document=document,
        quotas=quotas,
        best=None if file.best is None else Best(file.best.by, file.best.records),
        max_candidates=file.max_candidates,
        in_flight=file.in_flight,
        checks=tuple(Part(p.name, p.options, ("checks", i)) for i, p in enumerate(file.checks)),
        pools=tuple(Part(p.name, p.options, ("pools", i)) for i, p in enumerate(file.pools)),
        gates=str(beside / str(file.gates)) if custom else file.gates,
        seeds=None if file.seeds is None else beside / file.seeds,
        holdout=None if file.holdout is None else beside / file.holdout,
        target=file.target,
        output=None if file.output is None else beside / file.output,
        export=tuple(file.export),
        max_cost=file.max_cost,
        prices={name: price.model_dump() for name, price in file.prices.items()},
        seed=file.seed,
        waivers=tuple(Waiver(check=w.check, by=w.by, because=w.because) for w in file.waivers),
        release=file.release,
        licence=file.licence,
    )


def _model(given: _Model, beside: Path) -> ModelSpec:
    options = {
        name: value
        for name, value in given.model_dump(exclude={"provider", "limits", "batch"}).items()
        if value is not None
    }
    for name in ("weights", "transcript"):
        if name in options:
            options[name] = beside / options[name]
    if given.provider == "openai_compatible" and given.base_url not in (None, OPENAI):
        # Somebody's own server mostly wants no key; OpenAI's key must not be sent there by oversight.
        options.setdefault("key_variable", "")
    limits = {name: value for name, value in given.limits.model_dump().items() if value is not None}
    return ModelSpec(provider=given.provider, options=options, limits=limits, batch=given.batch)
