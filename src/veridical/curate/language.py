"""Is a text in the language that was asked for?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from veridical.core.errors import MissingExtraError
from veridical.curate.setting import configured
from veridical.curate.word import joined
from veridical.llm.candidate import Ask, Candidate, Rejection

_SURE_FROM = 25  # characters; shorter texts are judged by their script alone
_HANGUL = re.compile(r"[가-힣ㄱ-ㅎㅏ-ㅣ]")
_KANA_HAN = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_CYRILLIC = re.compile(r"[\u0400-\u04ff]")
_LETTER = re.compile(r"[^\W\d_]")
_SCRIPTS = {"ko": _HANGUL, "ja": _KANA_HAN, "zh": _KANA_HAN, "ru": _CYRILLIC, "uk": _CYRILLIC}


@configured
@dataclass(frozen=True, kw_only=True)
class Language:
    """Refuses texts in another language than `language` (ISO 639-1 code).

    The script is looked at first: at least `script_share` of the letters must be of the language's own. Texts of at
    least 25 letters are then identified by naive Bayes over byte n-grams (Lui & Baldwin 2012, langid.py).

    Example:
        >>> import asyncio
        >>> asyncio.run(Language(language="ko")(Candidate(fields={"text": "Good morning"}), None)).reason
        'its letters are not those of ko'
    """

    language: str = "en"
    fields: tuple[str, ...] = ()
    script_share: float = 0.5
    name: str = field(default="language", init=False)

    async def __call__(self, candidate: Candidate, ask: Ask) -> Candidate | Rejection:  # noqa: ARG002
        """Return the candidate, or which language it seems to be."""
        text = joined(candidate.fields, self.fields)
        if not _in_script(text, self.language, self.script_share):
            return Rejection(self.name, f"its letters are not those of {self.language}")
        if len(_LETTER.findall(text)) >= _SURE_FROM:
            found = language_of(text)
            if found != self.language:
                return Rejection(self.name, f"it reads as {found}, {self.language} is wanted")
        return candidate


def language_of(text: str) -> str:
    """Return the likeliest language of a text, as its ISO 639-1 code.

    Raises:
        MissingExtraError: py3langid is not installed.
    """
    return str(_identifier().classify(text)[0])


def _in_script(text: str, language: str, share: float) -> bool:
    letters = _LETTER.findall(text)
    if not letters:
        return False
    own = _SCRIPTS.get(language)
    if own is None:
        foreign = sum(1 for letter in letters if any(script.match(letter) for script in _SCRIPTS.values()))
        return foreign <= (1 - share) * len(letters)
    return sum(1 for letter in letters if own.match(letter)) >= share * len(letters)


@cache
def _identifier() -> Any:
    try:
        import py3langid
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "py3langid is not installed", where="language", fix="pip install 'veridical[text]'"
        ) from missing
    return py3langid
