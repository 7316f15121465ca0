"""Which made-up numbers look real and belong to nobody: phones, cards, accounts, national ids?

Everything lies in ranges that are reserved, never issued, or broken by design (see docs/rules.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.fabricate import text
from veridical.fabricate.draw import Codes, Recipe
from veridical.fabricate.locale import Locale
from veridical.fabricate.template import filled

_CARD_STARTS = ("411111", "424242", "555555")  # the ranges that card schemes publish for tests
_FIRST_BIRTHDAY, _BIRTHDAYS = np.datetime64("1950-01-01"), 25_567  # to 2019-12-31
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def phone(locale: Locale) -> Recipe:
    """Return the recipe of phone numbers in ranges kept for fiction or never assigned."""
    recipe = filled(locale.text("phone"), {"area": locale.entries("phone_areas")})
    return Recipe(radices=recipe.radices, build=recipe.build, again=" x{}")


def plate(locale: Locale) -> Recipe:
    """Return the recipe of number plates."""
    letters = list(str(locale.data.get("plate_letters", "")))
    return filled(locale.text("plate"), {"plate_letter": letters} if letters else {})


def card() -> Recipe:
    """Return the recipe of 16-digit card numbers in test ranges, with a right Luhn digit (ISO/IEC 7812)."""
    starts = np.array([[ord(c) for c in start] for start in _CARD_STARTS], dtype=np.uint8)

    def build(codes: Sequence[Codes]) -> pa.Array:
        body = np.hstack([starts[codes[0]], text.digits(codes[1], 9)])
        return text.beside(body, luhn(body)[:, None])

    return Recipe(radices=(len(_CARD_STARTS), 10**9), build=build, again="-{}")


def luhn(body: text.Letters) -> text.Letters:
    """Return the check digits of numbers without one, both as ASCII codes.

    Example:
        >>> luhn(np.frombuffer(b"7992739871", dtype=np.uint8)[None, :]).tobytes()
        b'3'
    """
    values = body.astype(np.int64) - 48
    values[:, ::-1][:, ::2] *= 2
    values -= 9 * (values > 9)
    return ((-values.sum(axis=1)) % 10 + 48).astype(np.uint8)


def iban(locale: Locale) -> Recipe:
    """Return the recipe of IBANs with right check digits (ISO 13616) and bank codes that no bank has."""
    country, bank, width = _IBAN_FORMS.get(locale.name, _IBAN_FORMS["en_GB"])

    def build(codes: Sequence[Codes]) -> pa.Array:
        rows = len(codes[0])
        account = np.hstack([text.digits(codes[0], 9), text.digits(codes[1], width - 9)])[:, :width]
        inner = np.hstack([text.constant(bank, rows), account])
        return text.beside(country, iban_check(country, inner), inner)

    return Recipe(radices=(10**9, 10 ** (width - 9)), build=build, again="-{}")


# Country, a bank code nobody has, and the digits of branch and account.
_IBAN_FORMS = {
    "de_DE": ("DE", "00000000", 10),
    "en_GB": ("GB", "ZZZZ", 14),
    "es_ES": ("ES", "0000", 16),
    "fr_FR": ("FR", "00000", 18),
}


def iban_check(country: str, inner: text.Letters) -> text.Letters:
    """Return the two check digits of account numbers, shape (rows, 2), as ASCII codes.

    Example:
        >>> inner = np.frombuffer(b"WEST12345698765432", dtype=np.uint8)[None, :]
        >>> iban_check("GB", inner).tobytes()
        b'82'
    """
    rest = np.zeros(len(inner), dtype=np.int64)
    for column in np.hstack([inner, text.constant(country + "00", len(inner))]).T:
        letter = column >= 65
        value = column.astype(np.int64) - np.where(letter, 55, 48)
        rest = (rest * np.where(letter, 100, 10) + value) % 97
    return text.digits(98 - rest, 2)


def national_id(locale: Locale) -> Recipe:
    """Return the recipe of national numbers of the locale's form that no person can hold."""
    return _NATIONAL.get(locale.name, _social_security)()


def _social_security() -> Recipe:
    # Areas 900 to 999 are never issued; groups 01 to 49 keep clear of tax numbers (ITIN), which begin with 9 too.
    def build(codes: Sequence[Codes]) -> pa.Array:
        area, group, serial = codes[0] + 900, codes[1] + 1, codes[2] + 1
        return text.beside(text.digits(area, 3), "-", text.digits(group, 2), "-", text.digits(serial, 4))

    return Recipe(radices=(100, 49, 9999), build=build, again="-{}")


def _resident_registration() -> Recipe:
    # Korea: births before 2020 carry a check digit; one that is off by one was never issued.
    def build(codes: Sequence[Codes]) -> pa.Array:
        birth = _FIRST_BIRTHDAY + codes[0].astype("timedelta64[D]")
        year = birth.astype("datetime64[Y]").astype(np.int64) + 1970
        month = birth.astype("datetime64[M]").astype(np.int64) % 12 + 1
        day = (birth - birth.astype("datetime64[M]")).astype(np.int64) + 1
        front = text.digits((year % 100) * 10_000 + month * 100 + day, 6)
        sex = text.digits(codes[1] + np.where(year < 2000, 1, 3), 1)
        body = np.hstack([front, sex, text.digits(codes[2], 5)])
        wrong = text.digits((_weighted(body, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), 11) + 1) % 10, 1)
        return text.beside(front, "-", body[:, 6:], wrong)

    return Recipe(radices=(_BIRTHDAYS, 2, 100_000), build=build, again="-{}")


def _weighted(body: text.Letters, weights: tuple[int, ...], modulus: int) -> Codes:
    total = (body.astype(np.int64) - 48) @ np.array(weights, dtype=np.int64)
    return (modulus - total % modulus) % 10


def _national_insurance() -> Recipe:
    # The prefix QQ is never issued.
    def build(codes: Sequence[Codes]) -> pa.Array:
        number, letter = text.digits(codes[0], 6), (codes[1] + 65).astype(np.uint8)[:, None]
        return text.beside("QQ ", number[:, :2], " ", number[:, 2:4], " ", number[:, 4:], " ", letter)

    return Recipe(radices=(10**6, 4), build=build, again=" {}")


def _with_wrong_digit(width: int, right: Callable[[text.Letters], Codes]) -> Recipe:
    def build(codes: Sequence[Codes]) -> pa.Array:
        body = text.digits(codes[0] + 10 ** (width - 1), width)
        return text.beside(body, text.digits((right(body) + 1) % 10, 1))

    return Recipe(radices=(9 * 10 ** (width - 1),), build=build, again="-{}")


def _tax_number() -> Recipe:
    def right(body: text.Letters) -> Codes:
        product = np.full(len(body), 10, dtype=np.int64)  # ISO 7064 MOD 11,10
        for column in body.T:
            total = (column.astype(np.int64) - 48 + product) % 10
            product = (np.where(total == 0, 10, total) * 2) % 11
        return (11 - product) % 10

    return _with_wrong_digit(10, right)


def _my_number() -> Recipe:
    return _with_wrong_digit(11, lambda body: _my_number_check(body))


def _my_number_check(body: text.Letters) -> Codes:
    total = (body.astype(np.int64) - 48) @ np.array((6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), dtype=np.int64)
    return np.where(total % 11 <= 1, 0, 11 - total % 11)


def _insee() -> Recipe:
    # France: the key should be 97 - n mod 97; one more than that is never right.
    def build(codes: Sequence[Codes]) -> pa.Array:
        sex, year, month = codes[0] % 2 + 1, codes[0] // 2 % 100, codes[0] // 200 + 1
        number = (((sex * 100 + year) * 100 + month) * 100 + codes[1] + 1) * 10**6 + codes[2]
        key = (97 - number % 97) % 97 + 1
        return text.beside(text.digits(number, 13), text.digits(key, 2))

    return Recipe(radices=(2 * 100 * 12, 95, 10**6), build=build, again="-{}")


def _dni() -> Recipe:
    table: NDArray[np.uint8] = np.frombuffer(_DNI_LETTERS.encode("ascii"), dtype=np.uint8)

    def build(codes: Sequence[Codes]) -> pa.Array:
        return text.beside(text.digits(codes[0], 8), table[(codes[0] + 1) % 23][:, None])

    return Recipe(radices=(10**8,), build=build, again="-{}")


_NATIONAL: dict[str, Callable[[], Recipe]] = {
    "de_DE": _tax_number,
    "en_GB": _national_insurance,
    "es_ES": _dni,
    "fr_FR": _insee,
    "ja_JP": _my_number,
    "ko_KR": _resident_registration,
}
