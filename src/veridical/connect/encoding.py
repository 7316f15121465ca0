"""In which encoding are these bytes written?"""

from __future__ import annotations

import codecs

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
MIN_HANGUL_SHARE = 0.7
MIN_USUAL_SHARE = 0.9  # of the Hangul, that text is made of
MAX_ACCENTED_SHARE = 0.7


def guess(sample: bytes, *, whole: bool) -> str:
    """Return the Python codec of a sample: by its mark, else UTF-8, else the likeliest.

    `whole` says that the sample is the whole content, so that a cut last character is an error.

    Example:
        >>> guess("이름,나이".encode("cp949"), whole=True)
        'cp949'
    """
    for mark, codec in _BOMS:
        if sample.startswith(mark):
            return codec
    if _decodes(sample, "utf-8", whole=whole):
        return "utf-8"
    return guess_legacy(sample)


def guess_legacy(sample: bytes) -> str:
    """Return the likeliest codec of bytes that are not UTF-8."""
    if _is_korean(sample):
        return "cp949"
    if _is_western(sample):
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    if best is None or best.encoding in ("ascii", "utf_8"):
        return "cp1252"
    # A Macintosh's Cyrillic is told from Windows' by hardly more than chance, and is not what files are in.
    return "cp1251" if best.encoding == "mac_cyrillic" else best.encoding


def _is_korean(sample: bytes) -> bool:
    # A cut at either end may split a two-byte character: leave the ragged ends out.
    text = sample.decode("cp949", errors="ignore")
    foreign = [character for character in text if ord(character) > 127]
    hangul = sum("가" <= character <= "힣" for character in foreign)
    kept = len(text.encode("cp949"))
    # Japanese and Chinese bytes read as Korean, too, but as syllables that nobody writes.
    usual = sum(_is_usual(character) for character in foreign)
    return (
        bool(foreign)
        and usual >= MIN_USUAL_SHARE * hangul
        and hangul >= MIN_HANGUL_SHARE * len(foreign)
        and kept >= len(sample) - 2
    )


def _is_usual(character: str) -> bool:
    """Whether a syllable is one of the 2,350 of the first Korean standard (KS X 1001)."""
    try:
        return "가" <= character <= "힣" and len(character.encode("euc_kr")) == 2
    except UnicodeEncodeError:
        return False


def _is_western(sample: bytes) -> bool:
    # Few accented letters among plain ones: too little for a statistical guess, and nearly always Western.
    letters = [character for character in sample.decode("cp1252", errors="replace") if character.isalpha()]
    accented = sum("\u00c0" <= character <= "\u00ff" for character in letters)
    foreign = sum(ord(character) > 127 for character in letters)
    return foreign == accented and accented < MAX_ACCENTED_SHARE * max(len(letters), 1)


def _decodes(sample: bytes, codec: str, *, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder(codec)().decode(sample, final=whole)
    except UnicodeDecodeError:
        return False
    return True
