"""Which recipes are there? Each is made by `from_options`."""

from __future__ import annotations

from veridical.core.registry import Card, Registry

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
_GROUNDED = "veridical.engines.grounded"
_ELSEWHERE = (
    ("grounded", f"{_GROUNDED}.triplet:Grounded", "question, context and answer, with spans that align"),
    ("inpars", f"{_GROUNDED}.inpars:InPars", "queries that find a passage (Bonifacio et al. 2022)"),
    ("math", "veridical.engines.math.recipe:Math", "word problems with verified answers (MetaMath, FOBAR)"),
    ("dialogue", "veridical.engines.dialogue.recipe:Dialogue", "customer and agent over a database, end state checked"),
    ("code", "veridical.engines.code.recipe:Code", "problem, solution and tests that were run (OSS-Instruct, repair)"),
)

RECIPES = Registry(
    "veridical.recipes",
    [
        Card(name=name, target=target, modality="text", summary=words)
        for name, target, words in (
            *((name, f"{_ROOM}.{target}", words) for name, target, words in _CARDS),
            *_ELSEWHERE,
        )
    ],
)
