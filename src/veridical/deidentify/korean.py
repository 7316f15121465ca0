"""Which persons and places does a Korean text name? By family names, usual given names, and what follows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from veridical.deidentify.entity import Entity
from veridical.deidentify.words import listed
from veridical.fabricate.locale import locale_of

_TITLES = (
    r"씨|님|군(?=[은는이가을를의과와에,\s(])|양(?=[은는이가을를의과와에,\s(])|모\s?\(|모\s?씨|옹|선생|박사|교수|기자|대표|의원|감독|선수|배우|가수"
    r"|회장|사장|부장|과장|차장|대리|팀장|원장|총장|장관|차관|대통령|총리|시장|지사|판사|검사|변호사|의사|간호사|환자|고객|작가|코치|아나운서"
    r"|PD|후보|위원|위원장|이사|실장|국장|본부장|소장|경위|경사|순경|병장|대위|소령|목사|신부|스님|할머니|할아버지|어머니|아버지|전\s대통령|상무|전무"
)
_PARTICLES = r"(?:은|는|이|가|을|를|의|와|과|도|에게|에게서|한테|께서|께|이라는|라는|이라고|라고|이다|이었다|였다|이며|이고|만|랑|이랑|처럼|보다|부터|까지|로|으로|이나|나)"  # noqa: E501
_TAIL = rf"(?=(?:{_PARTICLES})?(?:[^가-힣]|$))"
_EOJEOL = re.compile(r"(?<![가-힣A-Za-z])[가-힣]{2,}")
_CUE = re.compile(
    r"(?:이름|성명|성함|환자명|고객명|보호자|담당자|예금주|수령인|신청인|작성자|대표자)\s*(?:은|는|:|：|=)?\s*(?P<name>[가-힣]{2,4}?)(?=(?:이고|이며|입니다|이에요|예요|[,.\s)]|$))"
)
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
_WORDS_TOO = frozenset("전 여 고 현 구 공 주 한 양 신 이 차 장 선 각 본 총 부 원".split())  # noqa: SIM905


def korean_names_in(text: str) -> Iterator[Entity]:
    """Yield the persons that a Korean text names, without titles and particles.

    Example:
        >>> text = "환자 김민수는 이서연 씨와 왔고, 최 과장이 봤다."
        >>> sorted({entity.of(text) for entity in korean_names_in(text)})
        ['김민수', '이서연', '최']
    """
    for found in _titled().finditer(text):
        if found["name"] in _WORDS_TOO and not found["title"].startswith(("씨", "모")):
            continue  # "former", "woman", "this" before a title
        yield Entity(*found.span("name"), "name", 0.9)
    for found in _CUE.finditer(text):
        yield Entity(*found.span("name"), "name", 0.85)
    for found in _EOJEOL.finditer(text):
        if (entity := _structured(found)) is not None:
            yield entity


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


def _structured(found: re.Match[str]) -> Entity | None:
    """Return the name that a word begins with: a family name and a given name that sounds like one, then a particle."""
    word = found.group()
    if word in listed("korean", "not_names"):
        return None
    for family in (2, 1):
        if word[:family] not in _families() or len(word) < family + 2:
            continue
        given, rest = word[family : family + 2], word[family + 2 :]
        if rest and not re.fullmatch(_PARTICLES, rest):
            continue
        usual = given in _givens()
        if usual or (given[0] in _syllables()[0] and given[1] in _syllables()[1] and family == 1):
            sure = 0.85 if usual else 0.55
            return Entity(found.start(), found.start() + family + 2, "name", sure)
    return None


@cache
def _titled() -> re.Pattern[str]:
    families = "|".join(sorted(_families(), key=len, reverse=True))
    return re.compile(rf"(?<![가-힣])(?P<name>(?:{families})(?:[가-힣○*O]{{1,2}})?)\s?(?P<title>{_TITLES})")


@cache
def _regions() -> re.Pattern[str]:
    names = "|".join(sorted(listed("korean", "regions"), key=len, reverse=True))
    units = r"(?:특별자치시|특별자치도|특별시|광역시|시|도|군|구)?"
    return re.compile(
        rf"(?<![가-힣])(?:{names}){units}(?=(?:{_PARTICLES}|에서|에서는|에서도|에는|에도|에|서|산|발|행|인들?|계|측)?(?:[^가-힣]|$))"
    )


@cache
def _families() -> frozenset[str]:
    return frozenset(locale_of("ko_KR").entries("last"))


@cache
def _givens() -> frozenset[str]:
    return frozenset(locale_of("ko_KR").first_names)


@cache
def _syllables() -> tuple[frozenset[str], frozenset[str]]:
    names = [name for name in _givens() if len(name) == 2]
    return frozenset(name[0] for name in names), frozenset(name[1] for name in names)
