"""Which kinds of made-up value are there, and how is a whole column of one made?"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.errors import SpecError
from veridical.fabricate import human, network, number, place, prose
from veridical.fabricate.draw import Recipe, key_of
from veridical.fabricate.locale import Locale, locale_of
from veridical.fabricate.template import recipe_of

_LOCAL: dict[str, Callable[[Locale], Recipe]] = {
    "name": human.name,
    "first_name": human.first_name,
    "last_name": human.last_name,
    "email": human.email,
    "username": human.username,
    "phone": number.phone,
    "national_id": number.national_id,
    "iban": number.iban,
    "plate": number.plate,
    "address": place.address,
    "street": place.street,
    "city": place.city,
    "region": place.region,
    "postcode": place.postcode,
    "company": place.company,
    "job": place.job,
    "word": prose.word,
    "sentence": prose.sentence,
    "paragraph": prose.paragraph,
}
_EVERYWHERE: dict[str, Callable[[], Recipe]] = {
    "gender": human.gender,
    "card": number.card,
    "country": place.country,
    "currency": place.currency,
    "color": place.color,
    "latitude": place.latitude,
    "longitude": place.longitude,
    "ip": network.ip,
    "mac": network.mac,
    "url": network.url,
    "uuid": network.uuid,
    "password": network.password,
}
_ALIASES = {"lat": "latitude", "lon": "longitude", "ssn": "national_id", "full_name": "name", "colour": "color"}
UUID = "uuid"  # also what a learned schema says for a pattern
KINDS = tuple(sorted({*_LOCAL, *_EVERYWHERE}))


def column(
    kind: str,
    *,
    locale: str | None,
    rows: int,
    rng: np.random.Generator,
    unique: bool = False,
    pattern: str | None = None,
    null_share: float = 0.0,
    start_row: int = 0,
    key: int | None = None,
) -> pa.Array:
    """Return a column of made-up values, shape (rows,), text or (latitude, longitude) floats in degrees.

    A `pattern` takes the place of the kind's own form. With `unique`, the value depends on the row's number
    (`start_row` onward) and `key` alone, so that columns made in parts never repeat a value; `key` defaults to one
    made of kind and locale.

    Raises:
        SpecError: the kind is unknown, or the pattern is not understood.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> column("phone", locale="ko_KR", rows=2, rng=rng).to_pylist()[0][:4]
        '010-'
        >>> first = column("email", locale=None, rows=1000, rng=rng, unique=True)
        >>> more = column("email", locale=None, rows=1000, rng=rng, unique=True, start_row=1000)
        >>> len(set(first.to_pylist() + more.to_pylist()))
        2000
    """
    recipe = _asked(kind, locale, pattern)
    if unique:
        shuffle = key_of(kind, locale_of(locale).name, pattern or "") if key is None else key
        values = recipe.draw_unique(rows, start_row, shuffle, rng)
    else:
        values = recipe.draw(rows, rng)
    return with_nulls(values, null_share, rng)


def with_nulls(values: pa.Array, share: float, rng: np.random.Generator) -> pa.Array:
    """Return the values with about that share of rows made null."""
    if share <= 0.0:
        return values
    return pc.if_else(pa.array(rng.random(len(values)) < share), pa.scalar(None, values.type), values)


def distinct(kind: str, *, locale: str | None, pattern: str | None = None) -> int:
    """Return how many different values a kind (or a pattern) has before unique ones get a mark."""
    return _asked(kind, locale, pattern).size


def _asked(kind: str, locale: str | None, pattern: str | None) -> Recipe:
    if pattern is None or pattern == UUID:
        return _recipe(kind if pattern is None else UUID, locale_of(locale).name)
    return recipe_of(pattern)


@lru_cache(maxsize=512)
def _recipe(kind: str, locale: str) -> Recipe:
    name = _ALIASES.get(kind, kind)
    if name in _EVERYWHERE:
        return _EVERYWHERE[name]()
    if name not in _LOCAL:
        raise SpecError(f"no made-up values of kind {kind!r}", fix=f"use one of: {', '.join(KINDS)}")
    return _LOCAL[name](locale_of(locale))
