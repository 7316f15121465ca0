"""Which persons does a Korean text name? By family and given names, transliterated names, and what stands beside.

The lists (`korean_words.json.gz`) were drawn from the dictionary mecab-ko-dic (Apache-2.0, see NOTICE): given names,
parts of foreign names, and the ordinary words that look like a family name with a given name or a particle.
"""

from __future__ import annotations

import gzip
import json
import math
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from veridical.deidentify.entity import Entity
from veridical.deidentify.words import listed

_ROLES = (
    r"선생|박사|교수|기자|대표|의원|감독|선수|배우|가수|회장|사장|부장|과장|차장|대리|팀장|원장|총장|장관|차관|대통령|총리|시장|지사|판사|검사"
    r"|변호사|의사|간호사|환자|고객|작가|코치|아나운서|PD|후보|위원|위원장|이사|실장|국장|본부장|소장|경위|경사|순경|병장|대위|소령|목사|신부|스님"
    r"|할머니|할아버지|어머니|아버지|상무|전무|비서관|총재|주석|수석|여사|대변인|연구원|셰프|사무총장|원내대표|국가주석|일왕|국왕|여왕|황제|왕자|공주"
)
_BEFORE = (
    r"배우|가수|감독|개그맨|개그우먼|탤런트|아나운서|모델|작가|소설가|시인|만화가|작곡가|화가|디자이너|선수|코치|투수|포수|골키퍼|주장|대표|의원"
    r"|장관|총리|대통령|회장|사장|교수|박사|기자|PD|변호사|판사|검사|특파원|환자|고객|보호자|담당자|아들|딸|남편|아내|부인|동생|친구|주인공|MC|본명|이름"
)
_PARTICLE = (
    r"(?:은|는|이|가|을|를|의|와|과|도|에게|에게서|한테|께서|께|이라는|라는|이라고|라고|이란|란|이다|이었다|였다|이며|이고|이자|이지만|인데|만|랑|이랑"
    r"|하고|처럼|보다|부터|까지|로|으로|이나|나|이요|요|에|여서|이여|이여서|때문에|만의|만이|과의|와의|에게는|같은|답다|님)"
)
_END = rf"(?=(?:{_PARTICLE})?(?:[^가-힣]|$))"
_WORD = re.compile(r"(?<![가-힣A-Za-z])[가-힣]+")
_LETTER = re.compile(
    r"(?<![A-Za-z0-9가-힣])(?P<name>[A-Z])(?=\s?(?:씨|군(?![가-힣]{2})|양(?=[은는이가을를의과와도에,\s(]))|\(\d{1,2}(?:[·,세)\s]))"
)
_MISTER = re.compile(rf"(?<![가-힣A-Za-z])(?P<name>[가-힣]{{1,5}})(?P<gap>\s?)(?:모\s?)?씨{_END}")
_SOMEBODY = re.compile(r"(?<![가-힣])(?P<name>[가-힣])모(?=\s?(?:씨|\(\d|군[^가-힣]|양[^가-힣]|\s[가-힣]{1,4}장))")
_HOLDS = re.compile(
    rf"(?<![가-힣])(?P<name>[가-힣]{{1,5}})\s(?:[가-힣]{{1,2}}\s)?(?:총괄|전|부|수석|명예)?\s?(?:{_ROLES})님?{_END}"
)
_CUE = re.compile(
    r"(?:이름|성명|성함|환자명|고객명|보호자|담당자|예금주|수령인|신청인|작성자|대표자)\s*(?:은|는|:|：|=)?\s*(?P<name>[가-힣]{2,4}?)(?=(?:이고|이며|입니다|이에요|예요|[,.\s)]|$))"
)
_AGE = re.compile(r"\s?\((?:본명\s|당시\s)?(?:\d{1,2}[세·,)\s]|[一-鿿]{2,4}\)|[가-힣]{2,4}\s?분\))")
_ROLE_BEFORE = re.compile(rf"(?:{_BEFORE})(?:인)?\s(?:고\s|고\()?$")
_TITLE_AFTER = re.compile(rf"\s(?:씨|(?:[가-힣]{{2,4}}\s)?(?:{_ROLES}))")
_LISTED, _LISTED_BEFORE = re.compile(r"\s?[,·ㆍ&]"), re.compile(r"[,·ㆍ&]\s?$")
_ENDING = re.compile(
    r"(?:하|한|해|할|함|했|된|될|됨|돼|됐|적|들|라|인|임|일|시|란|던|러|거|네|게|며|면|고|지|자|서)[가-힣]*"
)
# Fitted by logistic regression on the development half of KLUE's sentences (`benchmarks/deidentify.py`).
_LEAST = 0.45
_WEIGHTS = {
    "always": -1.3, "sound": 0.5, "usual": 2.5, "known": 1.2, "double family": -0.75, "noun": -3.2,
    "noun, particle": -3.7, "noun, ending": -3.0, "begins as noun": -0.9, "particle": 0.2, "titled": 2.3,
    "goes on": -2.8, "role before": 0.85, "age": 1.2, "title after": 2.3, "listed": 1.2, "first": 1.1, "last": -0.6,
}  # fmt: skip
# "Gyeongsang-nam-do" begins as a person's name does; a district follows its city.
_REGION = re.compile(r"(?:경상|전라|충청)[남북]|[가-힣]{2,3}(?:특별|광역)")
_DISTRICT = re.compile(r"[가-힣]{2,3}(?:구|군|시|동|읍|면)")
_AFTER_CITY = ("시 ", "도 ", "군 ")
_AS_TITLE = re.compile(rf"\s?(?:씨|{_ROLES}){_END}")
_FOREIGN_SOUND = 0.8  # mean log-odds of its syllables
_SHORT_FIRSTS = frozenset("존짐톰빈맷벤빌잭폴팀밥댄론릭샘숀딘앤켄닉닐휴주제돈칼맥잔장롭롤")
_NO_NAMES = frozenset("전여고현구공주한양차선각본총부원우그저두모성국시도명기반인제표")  # "former", "this" ...


def korean_names_in(text: str) -> Iterator[Entity]:
    """Yield the persons that a Korean text names, without titles and particles; they may overlap.

    Example:
        >>> text = "환자 김민수는 이서연 씨와 왔고, 최 과장이 봤다. 배우 톰 행크스와 A씨도."
        >>> sorted({entity.of(text) for entity in korean_names_in(text)})
        ['A', '김민수', '이서연', '최', '톰 행크스']
    """
    yield from _cued(text)
    words = list(_WORD.finditer(text))
    for place, found in enumerate(words):
        if (entity := _full(found, text)) is not None:
            yield entity
        yield from _foreign(words, place, text)


def _cued(text: str) -> Iterator[Entity]:
    for found in _LETTER.finditer(text):
        yield Entity(*found.span("name"), "name", 0.8)
    for found in _SOMEBODY.finditer(text):
        if found["name"] in _words("families"):
            yield Entity(*found.span("name"), "name", 0.86)
    for found in _MISTER.finditer(text):
        name = found["name"]
        if name in _words("families") or (len(name) > 1 and (found["gap"] or _is_full(name)) and not _ordinary(name)):
            yield Entity(*found.span("name"), "name", 0.9)
    for found in _HOLDS.finditer(text):
        name = found["name"]
        known = _is_full(name) and (not _ordinary(name) or name[1:] in _words("usual_given"))
        if known or (name in _words("families") and name not in _NO_NAMES):
            yield Entity(*found.span("name"), "name", 0.85)
    for found in _CUE.finditer(text):
        if not _ordinary(found["name"]):
            yield Entity(*found.span("name"), "name", 0.85)


def _full(found: re.Match[str], text: str) -> Entity | None:
    """Return the name that a word begins with: family name and given name, then a particle, a title or nothing."""
    word = found.group()
    if _REGION.match(word) or (
        _DISTRICT.match(word) and text[max(0, found.start() - 2) : found.start()] in _AFTER_CITY
    ):
        return None
    for cut in (2, 1):
        name, given = word[: cut + 2], word[cut : cut + 2]
        if word[:cut] not in _words("families") or len(given) < 2:
            continue
        sure = _likely(name, given, found, text)
        if sure >= _LEAST:
            return Entity(found.start(), found.start() + len(name), "name", min(max(sure, 0.5), 0.95))
    return None


def _likely(name: str, given: str, found: re.Match[str], text: str) -> float:
    """Return how likely a word begins with a full name: a logistic score of what it looks like and stands beside."""
    word, rest = found.group(), found.group()[len(name) :]
    sound = _odds("first").get(given[0], -4.0) + _odds("second").get(given[1], -4.0)
    usual, known = given in _words("usual_given"), given in _words("given")
    if (not usual and not known and sound < -2) or {word, name} & listed("korean", "not_names"):
        return 0.0
    noun = word[:2] in _words("nouns")
    particle = bool(rest) and re.fullmatch(_PARTICLE, rest) is not None
    titled = re.match(rf"(?:{_ROLES}|씨)", rest) is not None
    start, end = found.start(), found.start() + len(name)
    score = _WEIGHTS["always"] + _WEIGHTS["sound"] * sound
    for feature, holds in (
        ("usual", usual), ("known", known), ("double family", len(name) == 4), ("noun", name in _words("nouns")),
        ("noun, particle", noun and re.fullmatch(_PARTICLE, word[2:]) is not None),
        ("noun, ending", noun and _ENDING.fullmatch(word[2:]) is not None), ("begins as noun", noun),
        ("particle", particle), ("titled", titled), ("goes on", bool(rest) and not particle and not titled),
        ("role before", _ROLE_BEFORE.search(text[max(0, start - 12) : start]) is not None),
        ("age", _AGE.match(text[end : end + 14]) is not None),
        ("title after", not rest and _TITLE_AFTER.match(text[end : end + 14]) is not None),
        ("listed", bool(_LISTED.match(text[end : end + 2]) or _LISTED_BEFORE.search(text[max(0, start - 2) : start]))),
        ("first", start == 0), ("last", end >= len(text.rstrip(". "))),
    ):  # fmt: skip
        score += _WEIGHTS[feature] * holds
    return 1 / (1 + math.exp(-score))


def _beside(text: str, start: int, end: int) -> float:
    """Return how much more a word looks like a name for what stands before and after it."""
    before = _ROLE_BEFORE.search(text[max(0, start - 12) : start])
    after = text[end : end + 14]
    return 0.2 * bool(before) + 0.25 * bool(_AGE.match(after)) + 0.15 * bool(_AS_TITLE.match(after))


def _foreign(words: list[re.Match[str]], place: int, text: str) -> Iterator[Entity]:
    """Yield a transliterated name that begins at a word: parts of names joined or one after another."""
    first = words[place]
    start, end, parts = first.start(), first.start(), 0
    for at in range(place, min(place + 4, len(words))):
        word = words[at]
        if at > place and text[words[at - 1].end() : word.start()] not in (" ", "·", "-", ". "):
            break
        size, count = _stem(word.group(), alone=at == place)
        if not size and at > place and parts and _sounds_foreign(word.group()):
            size, count = _bare(word.group()), 1
        if not size:
            break
        end, parts = word.start() + size, parts + count
        if size < len(word.group()):
            break
    length = end - start
    cue = _beside(text, start, end)
    if parts >= 2 and length >= 3:
        yield Entity(start, end, "name", 0.75)
    elif parts == 1 and text[start:end] in _words("foreign") and (length >= 3 or cue):
        yield Entity(start, end, "name", 0.55 + cue)


def _stem(word: str, *, alone: bool) -> tuple[int, int]:
    """Return how many syllables of a word are parts of foreign names, and how many parts; a particle may follow."""
    for size in range(len(word), 0, -1):
        rest = word[size:]
        if rest and not re.fullmatch(rf"(?:{_PARTICLE}|(?:{_ROLES}|씨)(?:{_PARTICLE})?)", rest):
            continue
        stem = word[:size]
        if stem in _words("foreign") or (not alone and stem in _words("foreign_starts")):
            return size, 1
        if alone and not rest and (stem in _SHORT_FIRSTS or stem in _words("foreign_starts")):
            return size, 1
        for cut in range(1, size - 1):
            head, tail = stem[:cut], stem[cut:]
            begins = head in _words("foreign") or head in _words("foreign_starts") or head in _SHORT_FIRSTS
            if begins and (tail in _words("foreign") or (cut > 1 and tail in _words("rare_foreign"))):
                return size, 2
    return 0, 0


def _bare(word: str) -> int:
    """Return how many syllables of a word are left before the longest particle that it ends in."""
    return next((size for size in range(2, len(word)) if re.fullmatch(_PARTICLE, word[size:])), len(word))


def _sounds_foreign(word: str) -> bool:
    """Whether the syllables of a word, its particle aside, are those of transliterated names."""
    stem = word[: _bare(word)]
    if stem in _words("families") and stem not in _NO_NAMES:
        return True
    if stem in _words("rare_foreign"):
        return True
    values = [_odds("foreign").get(syllable, 0.0) for syllable in stem]
    return len(stem) >= 2 and sum(values) / len(values) >= _FOREIGN_SOUND and not _ordinary(stem)


def _is_full(name: str) -> bool:
    """Whether a word is a family name and a known given name."""
    return any(
        len(name) == cut + 2
        and name[:cut] in _words("families")
        and (name[cut:] in _words("given") or name[cut:] in _words("usual_given"))
        for cut in (1, 2)
    )


def _ordinary(word: str) -> bool:
    return word in _words("nouns") or word in listed("korean", "not_names")


@cache
def _words(name: str) -> frozenset[str]:
    return frozenset(str(_file()["words"][name]).split())


@cache
def _odds(name: str) -> dict[str, float]:
    """Return the log-odds of syllables: in names against in other words."""
    return {syllable: float(value) for value, syllables in _file()["odds"][name].items() for syllable in syllables}


@cache
def _file() -> dict[str, dict[str, Any]]:
    content = (files("veridical.deidentify") / "korean_words.json.gz").read_bytes()
    return dict(json.loads(gzip.decompress(content)))
