"""What are made-up people called, and how are they reached on the net?

Every e-mail address lies under example.com, example.org or example.net, which are reserved and reach nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.fabricate import text
from veridical.fabricate.draw import Codes, Recipe, choose
from veridical.fabricate.locale import Locale, locale_of

_HOSTS = ("example.com", "example.org", "example.net", "mail.example.com", "mail.example.org", "post.example.net")
_NUMBERS = 10_000


def name(locale: Locale) -> Recipe:
    """Return the recipe of full names."""
    return _of_pool(locale, _full_names(locale.name))


def first_name(locale: Locale) -> Recipe:
    """Return the recipe of first names, female and male."""
    return _plain(sorted(set(locale.first_names)))


def last_name(locale: Locale) -> Recipe:
    """Return the recipe of last names, common ones more often where the shares are known."""
    pool = pa.array(locale.entries("last"))
    return Recipe(radices=(len(pool),), shares=(_last_shares(locale),), build=lambda codes: text.pick(pool, codes[0]))


def gender() -> Recipe:
    """Return the recipe of "F" and "M"."""
    return _plain(["F", "M"])


def username(locale: Locale) -> Recipe:
    """Return the recipe of names people log in with."""
    return _numbered(_logins(locale.name), _number_texts(), len(locale.entries("last")), "_{}")


def email(locale: Locale) -> Recipe:
    """Return the recipe of e-mail addresses."""
    return _numbered(_mailboxes(locale.name), _mail_tails(), len(locale.entries("last")), ".x{}")


def person(locale: str | None, rows: int, rng: np.random.Generator) -> dict[str, pa.Array]:
    """Return columns of people whose parts agree: gender, first_name, last_name, name, username, email.

    Example:
        >>> someone = person("ko_KR", 3, np.random.default_rng(0))
        >>> sorted(someone)
        ['email', 'first_name', 'gender', 'last_name', 'name', 'username']
    """
    place = locale_of(locale)
    lasts = choose(_last_shares(place), rows, rng)
    firsts = rng.integers(len(place.first_names), size=rows, dtype=np.int64)
    both = firsts * len(place.entries("last")) + lasts
    numbers = rng.integers(_NUMBERS, size=rows, dtype=np.int64)
    domains = rng.integers(len(_HOSTS), size=rows, dtype=np.int64)
    return {
        "gender": text.pick(pa.array(["F", "M"]), (firsts >= len(place.entries("female"))).astype(np.int64)),
        "first_name": text.pick(pa.array(place.first_names), firsts),
        "last_name": text.pick(pa.array(place.entries("last")), lasts),
        "name": text.pick(_full_names(place.name), both),
        "username": text.join(text.pick(_logins(place.name), both), text.pick(_number_texts(), numbers)),
        "email": text.join(
            text.pick(_mailboxes(place.name), both), text.pick(_mail_tails(), numbers * len(_HOSTS) + domains)
        ),
    }


def _of_pool(locale: Locale, pool: pa.Array) -> Recipe:
    lasts = len(locale.entries("last"))

    def build(codes: Sequence[Codes]) -> pa.Array:
        return text.pick(pool, codes[0] * lasts + codes[1])

    return Recipe(
        radices=(len(locale.first_names), lasts),
        shares=(None, _last_shares(locale)),
        build=build,
        distinct=_plain(pool.unique()),
    )


def _numbered(pool: pa.Array, tails: pa.Array, lasts: int, again: str) -> Recipe:
    firsts, unique = len(pool) // lasts, pool.unique()

    def build(codes: Sequence[Codes]) -> pa.Array:
        return text.join(text.pick(pool, codes[0] * lasts + codes[1]), text.pick(tails, codes[2]))

    def build_distinct(codes: Sequence[Codes]) -> pa.Array:
        return text.join(text.pick(unique, codes[0]), text.pick(tails, codes[1]))

    # Two names can be spelled alike in plain letters, hence the pool without doubles for unique rows.
    distinct = Recipe(radices=(len(unique), len(tails)), build=build_distinct, again=again)
    return Recipe(radices=(firsts, lasts, len(tails)), build=build, distinct=distinct)


def _plain(values: Sequence[str] | pa.Array) -> Recipe:
    pool = pa.array(values, pa.string())
    return Recipe(radices=(len(pool),), build=lambda codes: text.pick(pool, codes[0]))


def _last_shares(locale: Locale) -> NDArray[np.float64]:
    if "last_shares" in locale.data:
        return np.array(locale.entries("last_shares"), dtype=np.float64)
    # Lists run from common to rare; frequencies of names fall roughly as one over the rank.
    ranks = np.arange(len(locale.entries("last")), dtype=np.float64)
    return np.reciprocal(ranks + 20.0)


@cache
def _full_names(name: str) -> pa.Array:
    locale = locale_of(name)
    form = str(locale.data.get("name_form", "{first} {last}"))
    lasts = locale.entries("last")
    return pa.array([form.format(first=first, last=last) for first in locale.first_names for last in lasts])


@cache
def _mailboxes(name: str) -> pa.Array:
    locale = locale_of(name)
    return pa.array(text.product(locale.latin_first_names, locale.latin_last_names, "."))


@cache
def _logins(name: str) -> pa.Array:
    locale = locale_of(name)
    return pa.array(text.product(locale.latin_first_names, locale.latin_last_names, "_"))


@cache
def _number_texts() -> pa.Array:
    return pa.array([str(number) for number in range(_NUMBERS)])


@cache
def _mail_tails() -> pa.Array:
    return pa.array([f"{number}@{host}" for number in range(_NUMBERS) for host in _HOSTS])
