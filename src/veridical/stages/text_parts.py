"""Which recipe, checks and pools does a text spec name, and what stands for them in the journal?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from veridical.core import digest
from veridical.core.errors import SpecError, VeridicalError
from veridical.core.registry import Card, Registry
from veridical.core.version import VERSION
from veridical.llm.candidate import Check, Pool, Recipe, Setting
from veridical.llm.session import Endpoint
from veridical.spec.marks import Problems
from veridical.spec.text import Part, TextSpec

_PROMPT = Card(
    name="prompt",
    target="veridical.llm.prompted:Prompted",
    modality="text",
    summary="one prompt a record, from a template",
)
_CATALOGUES = {
    "recipe": ("veridical.engines.text.catalog", "RECIPES"),
    "checks": ("veridical.curate.catalog", "CHECKS"),
    "pools": ("veridical.curate.catalog", "POOLS"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextParts:
    """What a text run is made of; `about` names everything that decides what a reply or a decision means."""

    recipe: Recipe
    checks: tuple[Check, ...]
    pools: tuple[Pool, ...]
    about: Mapping[str, Any]

    def run_key(self, roles: Mapping[str, Sequence[Endpoint]], spec: TextSpec) -> tuple[str, Mapping[str, Any]]:
        """Return the key of the run and what it stands for, models and code included.

        How many records are wanted, how fast and for how much is left out: a run may be widened and resumed.
        """
        models = {role: [dict(e.model.identity) for e in ends] for role, ends in roles.items()}
        about = {
            **self.about,
            "models": models,
            "seed": spec.seed,
            "quotas": sorted(spec.quotas),
            "veridical": VERSION,
        }
        return digest.of_json(about), about


def parts_of(spec: TextSpec) -> TextParts:
    """Return the recipe, checks and pools that a spec names.

    Raises:
        SpecError: a name or an option is wrong; all problems are told at once, each with its line.
    """
    setting = Setting(beside=spec.beside, seed=spec.seed, records=spec.records, quotas=spec.quotas, seeds=spec.seeds)
    problems = Problems(spec.document)
    made: dict[str, list[Any]] = {"recipe": [], "checks": [], "pools": []}
    about: dict[str, Any] = {}
    for kind, parts in (("recipe", (spec.recipe,)), ("checks", spec.checks), ("pools", spec.pools)):
        about[kind] = []
        for part in parts:
            try:
                made[kind].append(_made(kind, part, setting))
                about[kind].append(_identity(part, made[kind][-1]))
            except SpecError as wrong:
                where = "" if wrong.where in (None, part.name) else f"{wrong.where}: "
                problems.add(f"{part.name}: {where}{wrong.what}", *part.place, fix=wrong.fix)
    _note_deaf_quotas(spec, made, problems)
    problems.check()
    return TextParts(recipe=made["recipe"][0], checks=tuple(made["checks"]), pools=tuple(made["pools"]), about=about)


def _note_deaf_quotas(spec: TextSpec, made: Mapping[str, Sequence[Any]], problems: Problems) -> None:
    """A quota whose dimension neither the recipe obeys nor a check measures would count what nobody asked for."""
    obeyed = getattr(made["recipe"][0], "dimensions", None) if made["recipe"] else None
    if obeyed is None:
        return  # a recipe that names no dimensions takes any
    known = set(obeyed)
    known |= {name for check in made["checks"] for name in getattr(check, "dimensions", ())}
    for dimension in spec.quotas:
        if dimension not in known:
            problems.add(
                f"the recipe {spec.recipe.name} does not obey the quota {dimension!r}", "quotas", dimension,
                fix=f"it obeys: {', '.join(sorted(known)) or 'none'}; add a field to the seeds, or the check `classed`",
            )  # fmt: skip


def catalogue(kind: str) -> Registry:
    """Return the registry of "recipe", "checks" or "pools"."""
    module, name = _CATALOGUES[kind]
    try:
        registry: Registry = getattr(import_module(module), name)
    except ModuleNotFoundError as missing:
        if not module.startswith(str(missing.name)):
            raise
        registry = Registry(f"veridical.{kind}", ())
    return registry


def _made(kind: str, part: Part, setting: Setting) -> Any:
    if kind == "recipe" and part.name == _PROMPT.name:
        made: Any = Registry("veridical.recipe", (_PROMPT,)).load(part.name)
    else:
        made = catalogue(kind).load(part.name)
    try:
        if hasattr(made, "from_options"):
            return made.from_options(part.options, setting)
        return made(**part.options)
    except (TypeError, ValueError) as wrong:
        # A constructor's own words name the option; they never hold a value of the data.
        raise SpecError(str(wrong).replace("__init__() ", ""), fix="see the docs for its options") from wrong
    except SpecError:
        raise
    except VeridicalError as wrong:
        raise SpecError(wrong.what, where=wrong.where, fix=wrong.fix) from wrong


def _identity(part: Part, made: Any) -> dict[str, Any]:
    identity = getattr(made, "identity", None)
    options: Any = dict(identity) if isinstance(identity, Mapping) else dict(part.options)
    return {"name": part.name, "options": json.loads(digest.canonical_json(options))}
