"""Which checks and pools are there?

A check looks at one record alone; a pool beside all that were accepted. Both are made by `from_options`.
"""

from __future__ import annotations

from collections.abc import Sequence

from veridical.core.registry import Card, Registry

_ROOM = "veridical.curate"
_CHECKS = (
    ("format", "format:Format", "fields are there, of their type, and without remains of templates"),
    ("length", "length:Length", "words and characters within bounds"),
    ("classed", "classed:Classed", "length and language as found, for quotas to count"),
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
    ("duplicates", "duplicate:Duplicates", "no equal text, case, spacing and punctuation aside"),
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
