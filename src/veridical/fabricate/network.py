"""Which addresses and keys do machines have, made up so that none reaches a real one?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from veridical.fabricate import text
from veridical.fabricate.draw import Codes, Recipe
from veridical.fabricate.locale import locale_of

_SIGNS = np.frombuffer(b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789!#$%*+-?", dtype=np.uint8)
_HOSTS = ("example.com", "example.org", "example.net")


def ip() -> Recipe:
    """Return the recipe of private IPv4 addresses, 10.0.0.0/8 (RFC 1918)."""
    bytes_as_text = pa.array([f".{number}" for number in range(256)])

    def build(codes: Sequence[Codes]) -> pa.Array:
        return text.join("10", *(text.pick(bytes_as_text, part) for part in codes))

    return Recipe(radices=(256, 256, 254), build=build, again="/{}")


def mac() -> Recipe:
    """Return the recipe of locally administered MAC addresses, which no maker owns."""

    def build(codes: Sequence[Codes]) -> pa.Array:
        pairs: list[text.Letters | str] = ["02"]
        for shift in (32, 24, 16, 8, 0):
            pairs += [":", text.hexadecimal(codes[0] >> shift, 2)]
        return text.beside(*pairs)

    return Recipe(radices=(2**40,), build=build)


def url() -> Recipe:
    """Return the recipe of web addresses under reserved host names."""
    words = locale_of("en_US").entries("words")
    heads = pa.array([f"https://{host}/{word}/" for host in _HOSTS for word in words])
    tails = pa.array([f"{word}-" for word in words])

    def build(codes: Sequence[Codes]) -> pa.Array:
        return text.join(text.pick(heads, codes[0]), text.pick(tails, codes[1]), text.plain_number(codes[2]))

    return Recipe(radices=(len(heads), len(tails), 100_000), build=build, again="/{}")


def uuid() -> Recipe:
    """Return the recipe of random UUIDs, version 4 (RFC 9562)."""

    def build(codes: Sequence[Codes]) -> pa.Array:
        high, low = codes
        variant = ((low >> 60) & 3) | 8
        letters = np.empty((len(high), 36), dtype=np.uint8)
        letters[:, [8, 13, 18, 23]] = ord("-")
        whole = text.hexadecimal(high, 15), text.hexadecimal(low, 15)
        letters[:, 0:8] = whole[0][:, 0:8]
        letters[:, 9:13] = whole[0][:, 8:12]
        letters[:, 14] = ord("4")
        letters[:, 15:18] = whole[0][:, 12:15]
        letters[:, 19] = text.hexadecimal(variant, 1)[:, 0]
        letters[:, 20:23] = whole[1][:, 0:3]
        letters[:, 24:36] = whole[1][:, 3:15]
        return text.of_letters(letters)

    return Recipe(radices=(2**60, 2**62), build=build)


def password() -> Recipe:
    """Return the recipe of text that looks like a password: 12 signs, look-alikes left out."""

    def build(codes: Sequence[Codes]) -> pa.Array:
        shifts = np.arange(0, 36, 6)
        return text.beside(*(_SIGNS[(code[:, None] >> shifts) & 63] for code in codes))

    return Recipe(radices=(2**36, 2**36), build=build)
