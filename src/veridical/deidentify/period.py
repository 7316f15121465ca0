"""Which times does a text name that are no days: years, decades, seasons, "last month", spans?

They point at nobody by themselves, so they are left alone unless somebody asks for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from veridical.deidentify.entity import Entity

_TAIL = r"(?=(?:은|는|이|가|을|를|의|와|과|도|에|에는|에도|에서|부터|까지|로|으로|만|만에|께|쯤|이던|인|이면|이나|보다|마다)?(?:[^가-힣]|$))"  # noqa: E501
_SPAN = rf"(?:\s?(?:간|동안|째|전|후|뒤){_TAIL})?"
_PART = r"(?:\s?(?:초반|중반|후반|상반기|하반기|초|말))?"
_BEFORE = r"(?<![가-힣\d.,-])(?:(?:지난\s?해|지난|올해|올|작년|내년)\s)?"
_KOREAN: tuple[re.Pattern[str], ...] = (
    re.compile(rf"{_BEFORE}(?:18|19|20)\d{{2}}년(?:도)?{_PART}{_SPAN}"),
    re.compile(r"(?<![\d가-힣])(?:18|19|20)?\d0년대(?:\s(?:초반|중반|후반|초|중|말))?"),
    re.compile(rf"(?<![\d.,])\d{{1,3}}(?:여\s?)?(?:년도|년|개월|주일|주년|주(?=\s?(?:간|동안|째)))(?![가-힣]*생){_SPAN}"),
    re.compile(r"(?<![\d.,])\d{1,3}일\s?(?:간|동안|째)"),
    re.compile(rf"{_BEFORE}(?:1[0-9]|2[0-9])세기|{_BEFORE}[1-4](?:/4)?분기(?!점)"),
    re.compile(rf"(?<![가-힣\d])(?:매주\s)?[월화수목금토일]요일{_TAIL}"),
    re.compile(
        r"(?<![가-힣\d])(?:이\s?날|전날|다음\s?날|오늘|어제|그제|그저께|내일|모레|지난해|올해|내년|작년|재작년|금년|전년|이듬해"
        r"|지난\s?달|이달|다음\s?달|지난\s?주|이번\s?주|다음\s?주|저번\s?주|이번\s주말|주말|새해|연말|연초"
        r"|하루|이틀|사흘|나흘|닷새|열흘|일주일|보름|한\s?달|두\s?달|석\s?달|세\s?달|한\s?해|올\s한\s해|일\s?년)"
        rf"(?:\s?(?:말|초|간|동안|전|후|뒤))?{_TAIL}"
    ),
    re.compile(rf"{_BEFORE}(?:초|늦|한)?(?:봄|여름|가을|겨울)(?:철)?{_TAIL}"),
    re.compile(rf"(?<![가-힣])(?:크리스마스|성탄절|추석|설날|구정|신정|광복절|삼일절|개천절|한글날|어린이날|어버이날){_TAIL}"),
    re.compile(r"(?<![\d.,가-힣A-Za-z:-])(?:19|20)\d{2}(?=\s[가-힣(]|[)’'\]~∼])"),
)  # fmt: skip
_ENGLISH: tuple[re.Pattern[str], ...] = (
    re.compile(r"\b(?:(?:early|mid|late)[ -])?(?:the\s)?(?:1[5-9]|20)\d0s\b", re.I),
    re.compile(r"(?:(?<=\b[Ii]n )|(?<=\b[Ss]ince )|(?<=\b[Uu]ntil ))(?:1[5-9]|20)\d{2}\b"),
    re.compile(
        r"\b(?:yesterday|today|tomorrow|tonight|(?:last|next|this|the previous|the following)\s(?:week|month|year|"
        r"weekend|spring|summer|autumn|fall|winter|(?:mon|tues|wednes|thurs|fri|satur|sun)day))\b",
        re.I,
    ),
    re.compile(
        r"\b(?:\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten)\s(?:day|week|month|year|decade)s?"
        r"(?:\sago)?\b",
        re.I,
    ),
)  # fmt: skip
_HANGUL = re.compile(r"[가-힣]")


def periods_in(text: str) -> Iterator[Entity]:
    """Yield the times of a text that name no day; they may overlap.

    Example:
        >>> text = "지난해 그는 2013년까지 5년간 일했고 이날 돌아왔다. He left two years ago."
        >>> sorted(entity.of(text) for entity in periods_in(text))
        ['2013년', '5년간', 'two years ago', '이날', '지난해']
    """
    for pattern in (*_ENGLISH, *(_KOREAN if _HANGUL.search(text) else ())):
        for found in pattern.finditer(text):
            yield Entity(*found.span(), "period", 0.55)
