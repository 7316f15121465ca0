"""Which recipes are there, and how does one become an object?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from veridical.core.options import from_options
from veridical.core.registry import Card, Registry
from veridical.llm.candidate import Recipe

_ROOM = "veridical.engines.text"
_CARDS = (
    ("classification", "classification:Classification", "texts for given labels, zero- or few-shot"),
    ("few_shot", "few_shot:FewShot", "records like the seeds, examples rotating"),
    ("zero_shot", "few_shot:ZeroShot", "records from a description alone"),
    ("attributes", "few_shot:Attributes", "records controlled by drawn attributes: topic, style, length"),
    ("self_instruct", "self_instruct:SelfInstruct", "instructions grown from seeds (Wang et al. 2023)"),
    ("evol_instruct", "evol_instruct:EvolInstruct", "instructions made harder or rarer (Xu et al. 2023)"),
    ("magpie", "magpie:Magpie", "what an aligned model says before anyone asked (Xu et al. 2024)"),
    ("personas", "persona:Personas", "a persona from a text, and related ones (Ge et al. 2024)"),
    ("distillation", "distillation:Distillation", "a teacher's answers with the reasoning that led there"),
    (
        "augmentation",
        "augmentation:Augmentation",
        "answers, rephrasings or new questions, by budget (Chan et al. 2024)",
    ),
    ("preference", "preference:Preference", "best-of-n pairs: the best and the worst of several answers"),
    ("critique", "critique:Critique", "an answer, its critique and the revision"),
    ("translation", "translation:Translation", "seeds in another language, checked by translating back"),
    ("korean", "korean:Korean", "Korean instructions, balanced over domains and styles"),
    ("counterfactual", "counterfactual:Counterfactual", "pairs that differ in one protected attribute alone"),
    ("column", "column:FreeText", "a free-text column of a table, given the rest of the row"),
)

RECIPES = Registry(
    "veridical.recipes",
    [Card(name=name, target=f"{_ROOM}.{target}", modality="text", summary=words) for name, target, words in _CARDS],
)


def build_recipe(
    name: str, options: Mapping[str, Any], *, seeds: Sequence[Mapping[str, Any]] = (), seed: int = 0
) -> Recipe:
    """Return a recipe by its name, with options as they stand in YAML, the seed records and the run's seed.

    Raises:
        SpecError: there is no such recipe, or an option is unknown, missing or of the wrong type.
    """
    recipe: Recipe = from_options(
        RECIPES.load(name), {**options, "seeds": tuple(seeds), "seed": seed}, where=f"recipe.{name}"
    )
    return recipe
