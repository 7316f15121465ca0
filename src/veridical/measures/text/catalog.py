"""Which measures of a set of texts are there?"""

from __future__ import annotations

from veridical.core.registry import Card, Registry

_ROOM = "veridical.measures.text"
_CARDS = (
    ("text.shape", "shape:Shape", "lengths, words and labels against the seeds"),
    ("text.topics", "topic:Topics", "topics' shares, coverage and precision by embedding"),
    ("text.variety", "variety:Variety", "distinct-n, self-BLEU, Vendi"),
    ("text.repetition", "repetition:Repetition", "near-duplicates, same meaning, copies of seeds"),
    ("text.contamination", "repetition:Contamination", "overlap with named benchmarks"),
    ("text.classifier", "classifier:Classifier", "train on synthetic, test on real; labels; detection"),
    ("text.safety", "safety:Safety", "personal data, listed words, boiler-plate, representation"),
)

TEXT_MEASURES = Registry(
    "veridical.text_measures",
    [Card(name=name, target=f"{_ROOM}.{target}", modality="text", summary=words) for name, target, words in _CARDS],
)
