"""Who is named in a text? By usual first names, by what stands before and after, and by what was named before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from veridical.deidentify.entity import Entity
from veridical.deidentify.words import listed
from veridical.fabricate.locale import locale_of

_LATIN = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES")
_WORD = r"[A-ZÀ-ÖØ-ÞŠŽ][a-zà-öø-ÿšž]+(?:[-'’][A-ZÀ-ÖØ-Þ]?[a-zà-öø-ÿ]+)*"
_LAST = rf"(?:(?:van|von|de|der|den|del|della|da|di|la|le|bin|al|O['’]|Mc|Mac|St\.?)\s?)*{_WORD}"
_TITLE = (
    r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Doctor|Sir|Dame|Lord|Lady|Sister|Rev|Father|Judge|Herr|Frau|Mme|Monsieur"
    r"|Madame|Señora?|Don|Doña|Capt|Sgt|Officer|Nurse)"
)
_TITLED = re.compile(rf"\b{_TITLE}\.?\s+(?P<name>(?:{_WORD}\s+|[A-Z]\.\s*){{0,3}}{_LAST})")
_CUED = re.compile(
    r"(?:\b(?:[Nn]ame(?:\s+is|d)?|[Pp]atient(?:['’]s name)?|[Cc]ustomer|[Cc]lient|[Ww]itness|[Tt]enant,?|[Ee]mployee|[Dd]efendant|[Cc]laimant|[Aa]pplicant|[Rr]esident|[Dd]ear|[Hh]i|[Hh]ello|[Hh]ey|[Rr]egards|"  # noqa: E501
    r"[Ss]incerely|[Tt]hanks|[Cc]heers|[Ss]igned(?:\s+by)?|[Cc]ontact|[Aa]ttn|[Aa]uthor|I am|I'm|[Mm]y name is|[Tt]his is|"  # noqa: E501
    r"[Ss]poke (?:to|with)|[Ss]een by|[Rr]eferred by|[Aa]ccompanied by|(?:his|her|their|the|my) (?:wife|husband|son|daughter|"  # noqa: E501
    r"mother|father|brother|sister|partner|boss|manager|GP),?))\s*[:,]?\s+"
    rf"(?P<name>{_WORD}(?:\s+(?:[A-Z]\.\s*)?{_LAST}){{0,2}})"
)
_DOES = re.compile(
    rf"(?P<name>{_WORD}\s(?:[A-Z]\.\s)?{_LAST})(?=,?\s(?:who\s)?(?:said|says|told|asked|called|wrote|replied|complained|"
    r"reported|moved|lives|lived|works|worked|signed|died|was (?:born|admitted|seen|treated|discharged|arrested|hired)))"  # noqa: E501
)
_RUN = re.compile(rf"{_WORD}(?:\s+(?:[A-Z]\.\s*)?(?:(?:van|von|de|der|del|da|di|la|bin|al)\s)*{_WORD}){{1,3}}")
_REVERSED = re.compile(rf"\b(?P<last>{_WORD}),\s(?P<first>{_WORD})(?:\s[A-Z]\.)?")
_SINGLE = re.compile(rf"(?<![\w@./-]){_WORD}(?![\w@/-])")


def names_in(text: str) -> Iterator[Entity]:
    """Yield the names of persons in a text in Latin letters; they may overlap.

    Example:
        >>> text = "Dr. Lindqvist saw Maria Santos on Monday."
        >>> [entity.of(text) for entity in names_in(text)][:2]
        ['Lindqvist', 'Maria Santos']
    """
    for found in _TITLED.finditer(text):
        yield Entity(*found.span("name"), "name", 0.93)
    for found in _CUED.finditer(text):
        first = found["name"].split()[0]
        if first not in listed("english", "not_firsts") and not re.fullmatch(_TITLE, first):
            yield Entity(*found.span("name"), "name", 0.85 if first in _firsts() else 0.62)
    for found in _DOES.finditer(text):
        parts = found["name"].split()
        if parts[0] not in listed("english", "not_firsts") and parts[-1] not in listed("english", "not_lasts"):
            yield Entity(*found.span("name"), "name", 0.65)
    for found in _RUN.finditer(text):
        yield from _within(found)
    for found in _REVERSED.finditer(text):
        if (
            found["first"] in _firsts()
            and found["last"] in _lasts()
            and found["last"] not in listed("english", "not_firsts")
        ):
            yield Entity(*found.span(), "name", 0.8)
    for found in _SINGLE.finditer(text):
        word = found.group().removesuffix("'s").removesuffix("’s")
        if (
            word in _firsts()
            and word not in listed("english", "ambiguous_firsts")
            and word not in listed("english", "not_firsts")
        ):
            yield Entity(found.start(), found.start() + len(word), "name", 0.6)


def again_in(text: str, known: set[str]) -> Iterator[Entity]:
    """Yield where names that were found before stand again, whole or a part of them (four letters or more)."""
    parts = {part for name in known for part in re.split(r"[\s,]+", name) if len(part) >= 4 and part[0].isupper()}
    parts = {
        part
        for part in parts
        if part not in listed("english", "ambiguous_firsts")
        and part not in listed("english", "not_firsts")
        and part not in listed("english", "not_lasts")
    }
    wanted = sorted(known | parts, key=len, reverse=True)
    if not wanted:
        return
    for found in re.finditer(rf"(?<![\w@./])(?:{'|'.join(map(re.escape, wanted))})(?![\w@])", text):
        yield Entity(*found.span(), "name", 0.7)


def _within(found: re.Match[str]) -> Iterator[Entity]:
    """Yield the name inside a run of capital words: it begins with a usual first name."""
    words = list(re.finditer(r"\S+", found.group()))
    for at, word in enumerate(words[:-1]):
        if word.group() not in _firsts() or word.group() in listed("english", "not_firsts"):
            continue
        rest = words[at + 1 :]
        last = rest[-1].group().removesuffix("'s").removesuffix("’s")
        if any(other.group() in listed("english", "not_lasts") for other in rest):
            return
        end = found.start() + rest[-1].start() + len(last)
        known = any(other.group() in _lasts() for other in rest)
        sure = 0.9 if known else 0.6 if word.group() in listed("english", "ambiguous_firsts") else 0.8
        yield Entity(found.start() + word.start(), end, "name", sure)
        return


@cache
def _firsts() -> frozenset[str]:
    return frozenset(name for locale in _LATIN for name in locale_of(locale).first_names)


@cache
def _lasts() -> frozenset[str]:
    return frozenset(name for locale in _LATIN for name in locale_of(locale).entries("last"))
