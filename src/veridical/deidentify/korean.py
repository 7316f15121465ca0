"""Which places does a Korean text name? By lists, and by what follows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from veridical.deidentify.entity import Entity
from veridical.deidentify.words import listed

_PARTICLES = r"(?:은|는|이|가|을|를|의|와|과|도|에게|에게서|한테|께서|께|이라는|라는|이라고|라고|이다|이었다|였다|이며|이고|만|랑|이랑|처럼|보다|부터|까지|로|으로|이나|나)"  # noqa: E501
_AFTER = rf"(?=(?:{_PARTICLES}|에서|에|서|시|구)?(?:[^가-힣]|$))"
_UNIT = re.compile(
    r"(?<![가-힣])(?:[가-힣]{1,4}(?:특별자치시|특별자치도|특별시|광역시)|[가-힣]{2,3}(?:시|군|구|동|읍|역))"
    r"(?=(?:에서|에는|에서는|에|까지|부터|으로|로|의|을|를|과|와)?(?:[^가-힣]|$))"
)
# What ends in these syllables is a place only after a larger one: so do many endings of verbs.
_PART = re.compile(rf"(?<=[시군도읍면구]\s)[가-힣]{{1,4}}(?:시|군|구|읍|면|동|리|로|길){_AFTER}")
_ADDRESS = re.compile(
    r"(?:[가-힣]{1,6}(?:특별자치시|특별자치도|특별시|광역시|도|시)\s)?(?:[가-힣]{1,5}(?:시|군|구)\s){1,2}"
    r"(?:[가-힣]{1,5}(?:읍|면)\s)?[가-힣\d]{1,10}(?:대로|로|길|동|가|리)\s?\d+(?:번?길\s?\d+)?(?:-\d+)?(?:번지)?"
    r"(?:,?\s?[가-힣A-Za-z]*\d{1,4}동)?(?:\s?\d{1,5}호)?|(?<![가-힣])[가-힣]{2,8}(?<!으)(?<!도)(?:로|길)\s\d+(?:번길\s?\d+)?(?:-\d+)?(?=[^\d년월일시분개명원]|$)"
)


def korean_places_in(text: str) -> Iterator[Entity]:
    """Yield places and addresses of a Korean text.

    Example:
        >>> text = "서울특별시 강남구 테헤란로 152 3층, 부산에서 판교동까지"
        >>> next(korean_places_in(text)).of(text)
        '서울특별시 강남구 테헤란로 152'
        >>> sorted({entity.of(text) for entity in korean_places_in(text) if entity.kind == "place"})
        ['강남구', '부산', '서울특별시', '테헤란로', '판교동']
    """
    for found in _ADDRESS.finditer(text):
        yield Entity(*found.span(), "address", 0.92)
    for found in _regions().finditer(text):
        yield Entity(*found.span(), "place", 0.8)
    for found in (*_UNIT.finditer(text), *_PART.finditer(text)):
        if found.group() not in listed("korean", "not_places"):
            yield Entity(*found.span(), "place", 0.65)


@cache
def _regions() -> re.Pattern[str]:
    names = "|".join(sorted(listed("korean", "regions"), key=len, reverse=True))
    units = r"(?:특별자치시|특별자치도|특별시|광역시|시|도|군|구)?"
    return re.compile(
        rf"(?<![가-힣])(?:{names}){units}(?=(?:{_PARTICLES}|에서|에서는|에서도|에는|에도|에|서|산|발|행|인들?|계|측)?(?:[^가-힣]|$))"
    )
