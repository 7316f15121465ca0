"""Which engine learned what from which rows, and where does its generator lie?

The stage's folder holds `model.json` (the recipe, the fingerprints), `schema.json` and the generator's own folder,
all sealed. It is JSON and Arrow: opening one runs no code of its maker's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from veridical.core import digest
from veridical.core.contracts import Engine, Generator, Progress, RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError, SpecError
from veridical.core.schema import Schema
from veridical.kernel.memory import sparing
from veridical.store.artifact import Sealed, open_sealed, seal
from veridical.store.runfolder import write_json, writing_folder

KIND = "model"
DEFAULT_ENGINE = "tree"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """An engine by name, and its options: what must be known to build it again."""

    engine: str = DEFAULT_ENGINE
    options: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> Engine:
        """Return the engine.

        Raises:
            SpecError: there is no such engine or option, or a value is refused.
            MissingExtraError: the engine needs an optional install.
        """
        from veridical.engines.catalog import ENGINES

        engine = _with_options(ENGINES.load(self.engine)(), self.options, where=f"engine {self.engine}")
        built: Engine = engine
        return built


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """An opened model: its generator, and the record of how it was made."""

    generator: Generator
    record: Mapping[str, Any]
    sealed: Sealed


@sparing()
def fit(train: Dataset, schema: Schema, recipe: Recipe, ctx: RunContext) -> Generator:
    """Return a generator fitted on the train rows.

    Raises:
        VeridicalError: the recipe, the schema, the constraints or the data are wrong.
    """
    return recipe.build().fit(train, schema, ctx)


@sparing()
def model(
    train: Dataset, schema: Schema, recipe: Recipe, ctx: RunContext, folder: Path, *, source: Mapping[str, Any]
) -> Sealed:
    """Fit and save a sealed model, or keep the one in the folder when it was made of exactly the same.

    `source` says in JSON where the rows came from and how they were split.

    Raises:
        VeridicalError: the recipe, the schema, the constraints or the data are wrong.
    """
    identity = _identity(train, schema, recipe, ctx, source)
    known = _same_model(folder, identity)
    if known is not None:
        ctx.progress("model", done=1, total=1)
        return known
    engine = recipe.build()
    ctx.progress("model", done=0, total=1)
    generator = engine.fit(train, schema, replace(ctx, progress=_inner(ctx.progress)))
    with writing_folder(folder) as target:
        generator.save(target / "generator")
        write_json(target / "schema.json", generator.schema.to_dict())
        record = {**identity, "parameters": parameters(engine), "spent": [_event(e) for e in generator.spent]}
        record.setdefault("train_rows", getattr(generator, "noisy_rows", None))
        write_json(target / "model.json", record)
        seal(target, KIND, 1)
    ctx.progress("model", done=1, total=1)
    return open_sealed(folder, KIND)


def open_model(folder: Path) -> Model:
    """Open a sealed model; `folder` may also be the run folder around it.

    Raises:
        ArtifactError: it is truncated, edited, or not a model.
    """
    inner = folder / "model"
    place = inner if not (folder / "model.json").exists() and inner.is_dir() else folder
    sealed = open_sealed(place, KIND)
    record = read_json(place / "model.json")
    generator = _generator_class(str(record.get("engine"))).load(place / "generator")
    return Model(generator=generator, record=record, sealed=sealed)


def parameters(engine: Engine) -> dict[str, Any]:
    """Return every option of an engine, those left at their default included, as JSON-like data."""
    options: dict[str, Any] = json.loads(json.dumps(_plain(engine), default=str))
    return options


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of a sealed folder.

    Raises:
        ArtifactError: it holds none.
    """
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as wrong:
        raise ArtifactError("cannot be read as JSON", where=str(path), fix="make the folder again") from wrong
    if not isinstance(value, dict):
        raise ArtifactError("holds no JSON object", where=str(path), fix="make the folder again")
    return value


def _inner(progress: Progress) -> Progress:
    """Return a progress for the steps inside an engine, told as parts of the step "model"."""

    def tell(step: str, *, done: int, total: int) -> None:
        progress(f"{KIND} {step}", done=done, total=total)

    return tell


def _with_options(engine: Any, options: Mapping[str, Any], *, where: str) -> Any:
    """Return the engine with options set, on itself or on the model it holds."""
    inner: Any = getattr(engine, "model", None)
    own = {item.name for item in fields(engine)} - ({"model"} if is_dataclass(inner) else set())
    held = {item.name for item in fields(inner)} if is_dataclass(inner) else set()
    unknown = sorted(set(options) - own - held)
    if unknown:
        known = ", ".join(sorted(own | held))
        raise SpecError(f"no option {', '.join(unknown)}", where=where, fix=f"its options are {known or 'none'}")
    try:
        for_model = {name: value for name, value in options.items() if name in held}
        changes = {name: value for name, value in options.items() if name in own}
        if for_model:
            changes["model"] = replace(inner, **for_model)
        return replace(engine, **changes)
    except (TypeError, ValueError) as wrong:
        raise SpecError(f"an option is wrong: {wrong}", where=where, fix="see `veridical engines`") from wrong


def _identity(
    train: Dataset, schema: Schema, recipe: Recipe, ctx: RunContext, source: Mapping[str, Any]
) -> dict[str, Any]:
    from veridical.core.version import VERSION

    train_facts: dict[str, Any] = {"train_fingerprint": train.fingerprint, "train_rows": train.rows}
    if getattr(recipe.build(), "private", False):
        # An exact count or fingerprint of private rows would tell of each of them.
        from veridical.stages.charged import keyed

        train_facts = {
            "train_fingerprint": source.get("fingerprint"),
            "schema_fingerprint": f"keyed:{keyed(schema.fingerprint)}",
        }
    return {
        "engine": recipe.engine,
        "options": json.loads(json.dumps(dict(recipe.options), default=str)),
        "seed": ctx.seed,
        "veridical": VERSION,
        "schema_fingerprint": schema.fingerprint,
        **train_facts,  # overrides what must be keyed
        "source": json.loads(json.dumps(dict(source), default=str)),
    }


def _same_model(folder: Path, identity: Mapping[str, Any]) -> Sealed | None:
    try:
        sealed = open_sealed(folder, KIND)
        record = read_json(folder / "model.json")
    except ArtifactError:
        return None  # whatever lies there is replaced by a whole one
    same = digest.of_json({name: record.get(name) for name in identity}) == digest.of_json(identity)
    return sealed if same else None


def _generator_class(engine: str) -> type[Generator]:
    # The class comes from this installation's catalogue; the folder only names an entry of it.
    from veridical.engines.catalog import ENGINES

    kind: type[Generator] = ENGINES.load(engine).generator
    return kind


def _plain(engine: Any) -> Any:
    if hasattr(engine, "__dataclass_fields__"):
        return {item.name: _plain(getattr(engine, item.name)) for item in fields(engine)}
    return dict(engine) if isinstance(engine, Mapping) else engine


def _event(event: Any) -> dict[str, Any]:
    return {
        "what": event.what,
        "mechanism": event.mechanism,
        "parameters": dict(event.parameters),
        "count": event.count,
    }
