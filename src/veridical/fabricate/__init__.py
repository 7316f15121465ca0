"""Made-up values by type and locale: names, addresses, numbers, identifiers, patterns."""

from veridical.fabricate.human import person
from veridical.fabricate.kind import KINDS, UUID, column, distinct, with_nulls
from veridical.fabricate.locale import LOCALES
from veridical.fabricate.markov import TextModel, text_model
from veridical.fabricate.template import pattern

__all__ = [
    "KINDS",
    "LOCALES",
    "TextModel",
    "UUID",
    "column",
    "distinct",
    "pattern",
    "person",
    "text_model",
    "with_nulls",
]
