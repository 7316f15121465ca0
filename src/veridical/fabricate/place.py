"""Where do made-up people live and work: streets, cities, postcodes, companies, jobs?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pyarrow as pa

from veridical.fabricate import text
from veridical.fabricate.draw import Codes, Recipe
from veridical.fabricate.locale import Locale, locale_of
from veridical.fabricate.template import filled

_HOUSES = 299


def of_list(values: Sequence[str]) -> Recipe:
    """Return the recipe of one entry of a list."""
    pool = pa.array(list(values), pa.string())
    once = pool.unique()
    distinct = Recipe(radices=(len(once),), build=lambda codes: text.pick(once, codes[0]))
    return Recipe(radices=(len(pool),), build=lambda codes: text.pick(pool, codes[0]), distinct=distinct)


def city(locale: Locale) -> Recipe:
    """Return the recipe of cities (for Korea: city and district)."""
    return of_list([name for name, _, _ in locale.places])


def region(locale: Locale) -> Recipe:
    """Return the recipe of states, counties or provinces."""
    return of_list(sorted({name for _, name, _ in locale.places}))


def postcode(locale: Locale) -> Recipe:
    """Return the recipe of postcodes that begin as those of the locale's cities do."""
    return filled(locale.text("postcode_form"), {"area": sorted({area for _, _, area in locale.places})})


def street(locale: Locale) -> Recipe:
    """Return the recipe of a street with a house number."""
    before, after = _streets(locale.name)
    houses = pa.array([str(number) for number in range(1, _HOUSES + 1)])

    def build(codes: Sequence[Codes]) -> pa.Array:
        return text.join(text.pick(before, codes[0]), text.pick(houses, codes[1]), text.pick(after, codes[0]))

    return Recipe(radices=(len(before), _HOUSES), build=build)


def address(locale: Locale) -> Recipe:
    """Return the recipe of one-line addresses whose city, region and postcode agree."""
    road = street(locale)
    form = locale.text("address_form")
    around = _around_street(locale, form)
    head, tail = (pa.array([parts[i] for parts in around]) for i in (0, 1))
    code_form = locale.text("postcode_form").replace("{area}", "")
    digits = filled(code_form, {}) if "{postcode}" in form else None
    last = pa.array([parts[2] for parts in around])

    def build(codes: Sequence[Codes]) -> pa.Array:
        parts = [text.pick(head, codes[0]), road.build(codes[1:3]), text.pick(tail, codes[0])]
        if digits is not None:
            parts += [digits.build(codes[3:]), text.pick(last, codes[0])]
        return text.join(*parts)

    return Recipe(radices=(len(around), *road.radices, *(() if digits is None else digits.radices)), build=build)


def company(locale: Locale) -> Recipe:
    """Return the recipe of company names."""
    pool = _companies(locale.name)
    return Recipe(radices=(len(pool),), build=lambda codes: text.pick(pool, codes[0]))


def job(locale: Locale) -> Recipe:
    """Return the recipe of occupations."""
    return of_list(locale.entries("jobs"))


def country() -> Recipe:
    """Return the recipe of country names in English."""
    return of_list(COUNTRIES.split(", "))


def currency() -> Recipe:
    """Return the recipe of ISO 4217 currency codes."""
    return of_list(CURRENCIES.split())


def color() -> Recipe:
    """Return the recipe of colours as #rrggbb."""

    def build(codes: Sequence[Codes]) -> pa.Array:
        return text.beside("#", text.hexadecimal(codes[0], 6))

    return Recipe(radices=(2**24,), build=build)


def latitude() -> Recipe:
    """Return the recipe of latitudes in degrees, six decimals, even over the sphere."""
    steps = 2**40
    on_grid = Recipe(radices=(180_000_000,), build=lambda codes: pa.array(np.round(codes[0] / 1e6 - 90.0, 6)))
    return Recipe(
        radices=(steps,),
        build=lambda codes: pa.array(np.round(np.degrees(np.arcsin(2.0 * (codes[0] / steps) - 1.0)), 6)),
        distinct=on_grid,
    )


def longitude() -> Recipe:
    """Return the recipe of longitudes in degrees, six decimals."""
    return Recipe(radices=(360_000_000,), build=lambda codes: pa.array(np.round(codes[0] / 1e6 - 180.0, 6)))


@cache
def _streets(name: str) -> tuple[pa.Array, pa.Array]:
    locale = locale_of(name)
    forms = [
        locale.text("street_form").replace("{name}", road).replace("{suffix}", suffix)
        for road in locale.entries("streets")
        for suffix in locale.entries("suffixes")
    ]
    sides = [form.split("{number}") for form in forms]
    return pa.array([before for before, _ in sides]), pa.array([after for _, after in sides])


def _around_street(locale: Locale, form: str) -> list[tuple[str, str, str]]:
    """For each city: what stands before the street, between it and the free part of the postcode, and after that."""
    around = []
    for name, district, area in locale.places:
        whole = form.replace("{city}", name).replace("{region}", district).replace("{postcode}", area + "\0")
        if whole.index("{street}") > whole.find("\0") >= 0:
            raise ValueError(f"{locale.name}: the postcode must follow the street")
        head, _, rest = whole.partition("{street}")
        middle, _, last = rest.partition("\0")
        around.append((head, middle, last))
    return around


@cache
def _companies(name: str) -> pa.Array:
    locale = locale_of(name)
    words, trades, forms = (locale.entries(f"company_{part}") for part in ("words", "trades", "forms"))
    names = [
        locale.text("company_form").format(word=word, trade=trade, form=form)
        for word in words
        for trade in trades
        for form in forms
    ]
    return pa.array(names)


COUNTRIES = (
    "Argentina, Australia, Austria, Bangladesh, Belgium, Bolivia, Brazil, Bulgaria, Cambodia, Cameroon, Canada, Chile, "
    "China, Colombia, Costa Rica, Croatia, Cuba, Czechia, Denmark, Ecuador, Egypt, Estonia, Ethiopia, Finland, France, "
    "Germany, Ghana, Greece, Guatemala, Hungary, Iceland, India, Indonesia, Iran, Iraq, Ireland, Israel, Italy, "
    "Jamaica, Japan, Jordan, Kazakhstan, Kenya, Kuwait, Laos, Latvia, Lebanon, Lithuania, Luxembourg, Malaysia, Mali, "
    "Malta, Mexico, Mongolia, Morocco, Myanmar, Nepal, Netherlands, New Zealand, Nigeria, Norway, Oman, Pakistan, "
    "Panama, Paraguay, Peru, Philippines, Poland, Portugal, Qatar, Romania, Rwanda, Saudi Arabia, Senegal, Serbia, "
    "Singapore, Slovakia, Slovenia, South Africa, South Korea, Spain, Sri Lanka, Sweden, Switzerland, Tanzania, "
    "Thailand, Tunisia, Turkey, Uganda, Ukraine, United Arab Emirates, United Kingdom, United States, Uruguay, "
    "Uzbekistan, Vietnam, Zambia"
)
CURRENCIES = (
    "AED ARS AUD BDT BGN BRL CAD CHF CLP CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR ISK JPY KES KRW KWD KZT MAD "
    "MXN MYR NGN NOK NZD PEN PHP PKR PLN QAR RON RSD SAR SEK SGD THB TND TRY TWD UAH USD UYU VND ZAR"
)
