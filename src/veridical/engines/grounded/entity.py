"""What is a passage about, and which short answers stand in it? By rules, so that a weak model need not know."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from veridical.connect.document import Chunk
from veridical.connect.document.chunking import sentences
from veridical.engines.grounded.alignment import Place

_NAME = re.compile(
    r"\b[A-Z][\w’'-]*[a-z0-9][\w’'-]*(?:\s+(?:(?:of|the|de|van|von|and|for)\s+){0,2}[A-Z][\w’'-]*)*|\b[A-Z]{2,}\b"
)
_FIGURE = re.compile(
    r"(?:[$€£₩]\s?)?\b\d{1,4}(?:[,.]\d{1,3})*(?:\s?(?:%|percent|million|billion|thousand|years?|days?|months?|hours?|km|kg"
    r"|m|miles|points|people))?\b|\d[\d,.]*\s?(?:년|월|일|명|개|억|만|원|회|위|세|%)+(?:\s?\d+월)?(?:\s?\d+일)?"
)
_QUOTED = re.compile(r"[\"“'‘《〈「『]([^\"”'’》〉」』\n]{2,40})[\"”'’》〉」』]")
_EOJEOL = re.compile(r"[가-힣A-Za-z0-9]{2,}")
_PARTICLE = re.compile(
    r"(?:으로부터|에서는|에게서|이라는|이라고|으로는|에서|에게|한테|까지|부터|으로|라는|라고|이나|처럼|보다|은|는|이|가|을|를|의"
    r"|에|와|과|도|로|만|나)$"
)
_VERB = re.compile(
    r"(?:다|고|며|면|서|여|해|한|할|된|될|하는|되는|있는|없는|했던|던|하게|하여|되어|지만|으며|하고|받은|따르|대한|위한)$"
)
_OPENING = """the a an in on at it he she they this that these those there when where while after before during although
however but and or if for from as by with since its his her their some many most one two other another such because then
also meanwhile"""
_OPENERS = frozenset(_OPENING.split())


def entities_of(text: str) -> list[str]:
    """Return the names in a text: capitalised runs, quoted titles, and Korean nouns without their particles.

    Example:
        >>> entities_of("After the war Marie Curie moved to Paris.")
        ['Marie Curie', 'Paris']
    """
    found = [text[place.start : place.end] for place in _names(text)]
    found += [match[1] for match in _QUOTED.finditer(text)]
    found += [stem for word in _EOJEOL.findall(text) if (stem := _noun(word))]
    return list(dict.fromkeys(found))


def answers_of(text: str) -> list[Place]:
    """Return the places of what a short question may ask for: names and figures, first to last, none within another.

    Example:
        >>> text = "In 1932 the bridge cost 4.2 million; Marie Curie saw it."
        >>> [text[p.start:p.end] for p in answers_of(text)]
        ['1932', '4.2 million', 'Marie Curie']
    """
    places = [*_names(text), *(Place(*match.span()) for match in _FIGURE.finditer(text))]
    places += [
        Place(match.start(), match.start() + len(s)) for match in _EOJEOL.finditer(text) if (s := _noun(match[0]))
    ]
    places.sort(key=lambda place: (place.start, -place.end))
    kept: list[Place] = []
    for place in places:
        if not kept or place.start >= kept[-1].end:
            kept.append(place)
    return kept


def sentence_at(text: str, place: Place) -> Place:
    """Return the sentence that a place lies in."""
    for start, end in sentences(text):
        if start <= place.start < end:
            return Place(start, max(end, place.end))
    return Place(0, len(text))


def shared_entities(chunks: Sequence[Chunk], *, most: int = 6) -> Mapping[str, tuple[int, ...]]:
    """Return each name that stands in 2 to `most` passages of different documents, with their places.

    Names that a single document uses, or that everybody uses, make no second hop.
    """
    holders: dict[str, list[int]] = defaultdict(list)
    for place, chunk in enumerate(chunks):
        for name in entities_of(chunk.text):
            if len(name) >= 3 or not name.isascii():
                holders[name].append(place)
    return {
        name: tuple(places)
        for name, places in sorted(holders.items())
        if 2 <= len(places) <= most and len({chunks[place].document for place in places}) >= 2
    }


def _names(text: str) -> Iterator[Place]:
    for match in _NAME.finditer(text):
        words = match.group().split()
        start = match.start()
        # The first word of a sentence is capital whatever it is.
        while words and words[0].lower() in _OPENERS:
            start += len(words[0])
            start += len(text[start:]) - len(text[start:].lstrip())
            words = words[1:]
        end = match.end() - (2 if match.group().endswith(("'s", "’s")) else 0)
        if words and end - start > 1:
            yield Place(start, end)


def _noun(word: str) -> str:
    """Return a Korean word without the particle that shows it to be a noun; "" for what shows no such thing."""
    particle = _PARTICLE.search(word)
    if particle is None or _VERB.search(word) or any(sign.isdigit() for sign in word):
        return ""
    stem = word[: particle.start()]
    return stem if len(stem) >= 2 and re.search(r"[가-힣]", stem) and not _VERB.search(stem) else ""
