"""How does one text lose what names a person, and does anything of it come through?"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from veridical.deidentify.entity import Entity
from veridical.deidentify.finder import All
from veridical.deidentify.pseudonym import Pseudonyms

_SHORTEST = 5  # letters and digits: a shorter piece is found anywhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A text without what was found, and how much of each kind that was; `removed` is secret and is never printed."""

    text: str
    counts: Mapping[str, int]
    entities: tuple[Entity, ...] = ()
    removed: tuple[str, ...] = field(default=(), repr=False)
    kept: str = field(default="", repr=False)  # what was not replaced: in here nothing removed may stand


def deidentify(text: str, finder: All, names: Pseudonyms, *, subject: str = "") -> Cleaned:
    """Return a text in which every entity found is replaced; dates move by the days of `subject`.

    Example:
        >>> from veridical.deidentify.finder import Rules
        >>> finder, names = All((Rules(),)), Pseudonyms(key=b"k" * 32, mode="tag")
        >>> deidentify("Maria Santos, SSN 536-22-8841, saw Dr. Lee.", finder, names).text
        '[NAME_1], SSN [NATIONAL_ID_1], saw Dr. [NAME_2].'
    """
    entities = finder.entities(text)
    parts, kept, at = [], [], 0
    for entity in entities:
        made = names.of(entity.kind, entity.of(text), subject=subject)
        parts += [text[at : entity.start], made]
        # What came out as it went in was not replaced: the search for leaks shall find it.
        kept += [text[at : entity.start], *([made] if made == entity.of(text) else [])]
        at = entity.end
    parts.append(text[at:])
    kept.append(text[at:])
    return Cleaned(
        text="".join(parts),
        counts=dict(Counter(entity.kind for entity in entities)),
        entities=tuple(entities),
        removed=tuple(entity.of(text) for entity in entities),
        kept="\n".join(kept),
    )


def leaks(secrets: Iterable[str], texts: Iterable[str]) -> list[int]:
    """Return which secrets (by number) still stand in the texts, case, spacing and punctuation aside.

    A secret of fewer than five letters and digits counts only where it stands as a word, a lone letter ("A") never.

    Example:
        >>> leaks(["010-1234-5678", "Kim", "Maria Santos"], ["call 01012345678", "Kimberley"])
        [0]
    """
    whole = "\n".join(texts)
    squeezed = _squeezed(whole)
    found = []
    for number, secret in enumerate(secrets):
        bare = _squeezed(secret)
        if len(bare) >= _SHORTEST:
            if bare in squeezed:
                found.append(number)
        elif (len(bare) > 1 or not secret.isascii()) and re.search(
            rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", whole, re.I
        ):
            found.append(number)
    return found


def _squeezed(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum() or sign == "\n")
