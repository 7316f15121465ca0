"""Which checks and pools are there, and how do lines of YAML become objects?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from veridical.core.errors import SpecError
from veridical.core.options import from_options
from veridical.core.registry import Card, Registry
from veridical.llm.candidate import Check, Pool

_ROOM = "veridical.curate"
_CHECKS = (
    ("format", "format:Format", "fields are there, of their type, whole, and fit the schema"),
    ("length", "length:Length", "words and characters within bounds"),
    ("language", "language:Language", "the language is the one asked for"),
    ("refusal", "refusal:Refusal", "no refusal and no assistant's boiler-plate, English and Korean"),
    ("personal", "personal:Personal", "no e-mail, telephone, card, account or identity number"),
    ("toxicity", "toxicity:Toxicity", "no word of a small list, English and Korean"),
    ("label_fit", "label_fit:LabelFit", "a classifier of the seeds' embeddings agrees with the label"),
    ("confidence", "confidence:Confidence", "the model was sure enough of its tokens"),
    ("decontamination", "contamination:Decontamination", "nothing of named benchmarks"),
    ("critic", "critic:Critic", "a classifier cannot tell it from real seeds"),
    ("judge", "judge:Judge", "a model grades it by a rubric"),
    ("reward", "reward:Reward", "a weighted sum of scores reaches a limit"),
    ("korean_endings", "korean:KoreanEndings", "natural Korean endings, one speech level"),
)
_POOLS = (
    ("duplicates", "duplicate:Duplicates", "no equal text, spelling and spacing aside"),
    ("near_duplicates", "near_duplicate:NearDuplicates", "MinHash: keeps one of each cluster"),
    ("semantic_duplicates", "semantic:SemanticDuplicates", "no text of the same meaning, by embedding"),
    ("rouge", "rouge:Rouge", "ROUGE-L against all accepted texts and the seeds"),
    ("memorised", "memorised:Memorised", "no long piece of a seed"),
)


def _registry(group: str, cards: Sequence[tuple[str, str, str]]) -> Registry:
    return Registry(
        group,
        [Card(name=name, target=f"{_ROOM}.{target}", modality="text", summary=words) for name, target, words in cards],
    )


CHECKS = _registry("veridical.checks", _CHECKS)
POOLS = _registry("veridical.pools", _POOLS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What checks may compare with: the seed records, the folder that relative paths start from, the run's seed."""

    seeds: tuple[Mapping[str, Any], ...] = ()
    folder: Path = Path()
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Curation:
    """Checks and pools, each in the order written; `identity` changes whenever one of them would decide otherwise."""

    checks: tuple[Check, ...]
    pools: tuple[Pool, ...]
    identity: tuple[Any, ...]


def build_curation(entries: Sequence[str | Mapping[str, Any]], material: Material) -> Curation:
    """Return the checks and pools that a list names: "refusal", or {"length": {"words_at_least": 3}}.

    `format` comes first whether it is named or not, so that cut, refused and unreadable replies are told apart.

    Raises:
        SpecError: a name or an option is unknown.

    Example:
        >>> [check.name for check in build_curation(["refusal", {"length": {"words_at_most": 9}}], Material()).checks]
        ['format', 'refusal', 'length']
    """
    named = [_entry(entry) for entry in entries]
    if not any(name == "format" for name, _ in named):
        named = [("format", {}), *named]
    checks: list[Check] = []
    pools: list[Pool] = []
    known_checks = {card.name for card in CHECKS}
    for name, options in named:
        if name in known_checks:
            checks.append(_made(CHECKS, name, options, material))
        else:
            pools.append(_made(POOLS, name, options, material))
    return Curation(checks=tuple(checks), pools=tuple(pools), identity=tuple([name, dict(o)] for name, o in named))


def build_check(name: str, options: Mapping[str, Any], material: Material) -> Check:
    """Return one check by its name.

    Raises:
        SpecError: the name or an option is unknown.
    """
    check: Check = _made(CHECKS, name, options, material)
    return check


def build_pool(name: str, options: Mapping[str, Any], material: Material) -> Pool:
    """Return one pool by its name, empty but for the seeds it may hold.

    Raises:
        SpecError: the name or an option is unknown.
    """
    pool: Pool = _made(POOLS, name, options, material)
    return pool


def _entry(entry: str | Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    if isinstance(entry, str):
        return entry, {}
    if len(entry) != 1:
        raise SpecError("a check is a name, or one name with its options", where="checks", fix="one check an entry")
    ((name, options),) = entry.items()
    return name, {} if options is None else options


def _made(registry: Registry, name: str, options: Mapping[str, Any], material: Material) -> Any:
    kind = registry.load(name) if name in {card.name for card in registry} else None
    if kind is None:
        known = ", ".join(sorted(card.name for card in (*CHECKS, *POOLS)))
        raise SpecError(f"no check is called {name!r}", where="checks", fix=f"use one of: {known}")
    given = {field.name: getattr(material, field.name) for field in fields(Material)}
    wanted = {field.name for field in fields(kind) if field.init}
    return from_options(
        kind, {**options, **{key: value for key, value in given.items() if key in wanted}}, where=f"checks.{name}"
    )
