"""Which places and postal addresses does a text in Latin letters name?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from veridical.deidentify.entity import Entity
from veridical.deidentify.words import listed
from veridical.fabricate.locale import locale_of

_LATIN = ("en_US", "en_GB", "de_DE", "fr_FR", "es_ES")
_WORD = r"[A-ZÀ-Þ][\wà-ÿ'’.-]+"
_STREETS = (
    r"Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Way|Court|Ct|Square|Sq|Plaza|Place|Pl|Terrace|Crescent"
    r"|Close|Gardens|Parkway|Pkwy|Highway|Hwy|Circle|Grove|Hill|Row|Walk|Mews"
)
_STREET = re.compile(
    rf"\b\d{{1,5}}[A-Za-z]?(?:[-/]\d+)?\s+(?:(?:N|S|E|W|North|South|East|West)\.?\s+)?(?:{_WORD}\s+){{1,3}}(?:{_STREETS})\b\.?"
    r"(?:,?\s+(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|#)\.?\s*[\w-]+)?"
    r"(?:,\s*[A-Z][\w.'-]+(?:\s[A-Z][\w.'-]+)*)?(?:,\s*[A-Z]{2})?(?:,?\s+\d{5}(?:-\d{4})?)?"
)
_FOREIGN = re.compile(
    rf"\b(?:{_WORD}(?:straße|strasse|weg|platz|allee|gasse)|(?:[Rr]ue|[Aa]venue|[Bb]oulevard|Calle|Avenida|Via|Rua)\s(?:(?:de|du|des|la|del)\s)*{_WORD})"
    r"\s\d{1,4}[a-z]?(?:,\s\d{4,5}\s[A-ZÀ-Þ][\wà-ÿ-]+)?|\b\d{1,4},?\s(?:rue|avenue|boulevard|place)\s(?:(?:de|du|des|la)\s)*"
    rf"{_WORD}(?:\s{_WORD})*"
)
_BOX = re.compile(r"\bP\.?\s?O\.?\s?Box\s\d+", re.I)
_POSTCODE = re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]?\s\d[ABD-HJLNP-UW-Z]{2}\b|\b[A-Z]{2}\s\d{5}(?:-\d{4})?\b")
_CUE = re.compile(
    rf"\b(?:lives? in|lived in|living in|born in|moved to|resident of|residing in|travell?ed to|based in|visit(?:ed|ing)?"  # noqa: E501
    rf"|from|in|near)\s(?P<place>{_WORD}(?:\s(?:upon|on|under|by|de|la)\s{_WORD}|\s{_WORD})?)"
)
_STRONG = re.compile(r"^(?:liv|born|moved|resid|travel|based)")


def places_in(text: str) -> Iterator[Entity]:
    """Yield places and addresses of a text; they may overlap.

    Example:
        >>> text = "She lives in Scatchford, at 14 Mill Lane, Springfield, IL 62704."
        >>> [(entity.kind, entity.of(text)) for entity in places_in(text)][:1]
        [('address', '14 Mill Lane, Springfield, IL 62704')]
    """
    for pattern, sure in ((_STREET, 0.95), (_FOREIGN, 0.9), (_BOX, 0.9), (_POSTCODE, 0.8)):
        for found in pattern.finditer(text):
            yield Entity(*found.span(), "address", sure)
    for found in _known().finditer(text):
        yield Entity(*found.span(), "place", 0.66)
    for found in _CUE.finditer(text):
        place = found["place"].split()[0]
        if _STRONG.match(found.group()) and place not in listed("english", "times"):
            start, end = found.span("place")
            yield Entity(start, end - len(found["place"]) + len(found["place"].rstrip(".,")), "place", 0.6)


@cache
def _known() -> re.Pattern[str]:
    cities = {city for locale in _LATIN for city, _, _ in locale_of(locale).places if len(city) > 3}
    names = sorted({*cities, *listed("english", "states"), *listed("english", "phrases")}, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?![\w-])")
