"""Is a text column personal data, a key, or free text, rather than a category?"""

from __future__ import annotations

import re
from collections.abc import Sequence

from veridical.core.schema import Column, Kind
from veridical.profile import header, personal, scale, temporal
from veridical.profile.facts import Facts

SAMPLE = 2000
MANY_WORDS = 4.0  # on average, in free text
LONG_TEXT = 60.0
LONG_CJK_TEXT = 15.0
_UUID = re.compile(r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$")
_HEX = re.compile(r"^[0-9a-f]{16,64}$|^[0-9A-F]{16,64}$")
_CJK = re.compile("[가-힣぀-ヿ一-鿿]")


def recognise(facts: Facts, rare_below: int) -> Column | None:
    """Return the column when its text is personal, a key or free text; None when it may be a category or a time."""
    texts = facts.texts
    if scale.yes_no(texts) is not None:
        return None
    found = personal.find(facts.name, texts)
    # A few values shared by many rows are a category, whatever the header says ("first", "name").
    if found is not None and (found.type not in ("name", "first_name", "last_name", "username") or _varied(facts)):
        return Column(
            name=facts.name, kind=Kind.PERSONAL, personal=found.type, locale=found.locale, confidence=found.confidence,
            reason=f"personal data ({found.type}): {found.reason}; never copied",
        )  # fmt: skip
    if facts.distinct <= 400 and scale.in_order(texts) is not None:
        return None
    sample = texts[:: max(1, len(texts) // SAMPLE)]
    key = _key(facts, sample)
    if key is not None:
        return key
    return _free_text(facts, sample, rare_below)


def _varied(facts: Facts) -> bool:
    return facts.distinct >= 0.02 * facts.valid or facts.distinct > 200


def _key(facts: Facts, sample: Sequence[str]) -> Column | None:
    if all(_UUID.match(text) for text in sample) or (all(_HEX.match(text) for text in sample) and facts.distinct > 20):
        shape = "UUIDs" if "-" in sample[0] else "hexadecimal digests"
        reason = f"a key: {shape}{', unique' if facts.is_unique else ', repeated'}"
        pattern = "uuid" if shape == "UUIDs" else None
        return Column(name=facts.name, kind=Kind.IDENTIFIER, unique=facts.is_unique, pattern=pattern, reason=reason)
    pattern = pattern_of(sample)
    code_like = sum(any(c.isdigit() for c in text) and " " not in text for text in sample) >= 0.95 * len(sample)
    says = header.says_id(facts.name)
    if facts.is_unique and facts.valid >= 10 and code_like and (says or pattern is not None):
        if temporal.find(facts) is not None:
            return None
        return Column(
            name=facts.name, kind=Kind.IDENTIFIER, unique=True, pattern=pattern, confidence=0.95 if says else 0.85,
            reason="a key: unique codes" + (f" of the form {pattern}" if pattern else ""),
        )  # fmt: skip
    if header.says_id(facts.name, strongly=True) and " " not in "".join(sample) and facts.distinct > 20:
        share = facts.distinct / facts.valid
        if facts.is_unique or (code_like and share > 0.02):
            return Column(
                name=facts.name, kind=Kind.IDENTIFIER, unique=facts.is_unique, pattern=pattern, confidence=0.8,
                reason=f"the header says key, {facts.distinct:,} distinct over {facts.valid:,} rows",
            )  # fmt: skip
    return None


def pattern_of(sample: Sequence[str]) -> str | None:
    """Return the one shape that all texts have (A a letter, a a lower one, 9 a digit), or None.

    Example:
        >>> pattern_of(["AB-123", "ZX-900"]), pattern_of(["a", "bb"])
        ('AA-999', None)
    """
    shapes = {_shape(text) for text in sample[:500]}
    shape = next(iter(shapes)) if len(shapes) == 1 else None
    return shape if shape and any(mark in shape for mark in "Aa9") and len(shape) <= 64 else None


def _shape(text: str) -> str:
    return "".join(
        "9"
        if c.isascii() and c.isdigit()
        else "A"
        if c.isascii() and c.isupper()
        else "a"
        if c.isascii() and c.islower()
        else c
        for c in text
    )


def _free_text(facts: Facts, sample: Sequence[str], rare_below: int) -> Column | None:
    words = sum(len(text.split()) for text in sample) / len(sample)
    length = sum(len(text) for text in sample) / len(sample)
    cjk = sum(bool(_CJK.search(text)) for text in sample) > 0.5 * len(sample)
    share = facts.distinct / facts.valid
    common = int(facts.counts[facts.counts >= rare_below].sum()) / facts.valid
    wordy = words >= MANY_WORDS or length >= (LONG_CJK_TEXT if cjk else LONG_TEXT)
    if facts.distinct >= 10 and ((wordy and share > 0.3 and common < 0.7) or length > 200):
        reason = f"free text: {words:.1f} words and {length:.0f} characters on average, {share:.0%} distinct"
        return Column(name=facts.name, kind=Kind.TEXT, reason=reason, confidence=0.9)
    if facts.distinct >= 30 and common < 0.1 and temporal.find(facts) is None:
        compact = [text for text in sample if " " not in text and len(text) <= 16]
        digits = sum(any(c.isdigit() for c in text) for text in compact) >= 0.8 * len(sample)
        capitals = sum(text.isascii() and text.upper() == text for text in compact) >= 0.95 * len(sample)
        code_like = digits or (facts.is_unique and capitals)
        kind, what = (Kind.IDENTIFIER, "codes") if code_like else (Kind.TEXT, "texts")
        reason = f"{what} of which few repeat: {facts.distinct:,} distinct over {facts.valid:,} rows"
        return Column(name=facts.name, kind=kind, pattern=pattern_of(sample), reason=reason, confidence=0.7)
    return None
