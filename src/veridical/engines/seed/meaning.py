"""What does a column's name ask for?"""

from __future__ import annotations

import re
from typing import TypeVar

Pair = TypeVar("Pair")

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_PEOPLE = frozenset(
    (
        "person", "people", "user", "customer", "client", "employee", "patient", "member", "student", "teacher",
        "author", "contact", "account", "passenger", "driver", "doctor", "guest", "player", "staff", "subscriber",
        "manager",
    )
)  # fmt: skip
# The first row whose words all stand in the name wins; what it asks for is a made-up kind or one of ours.
_TEXTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("email", "mail"), "email"),
    (("phone", "telephone", "mobile", "fax", "tel", "cell"), "phone"),
    (("firstname", "first name", "given name", "forename", "fname", "middle name"), "first_name"),
    (("lastname", "last name", "surname", "family name", "lname"), "last_name"),
    (("username", "user name", "login", "nickname", "handle"), "username"),
    (("password", "passwd", "password hash"), "password"),
    (("hash", "checksum", "digest", "sha", "md5"), "hash"),
    (("uuid", "guid"), "uuid"),
    (("iban",), "iban"),
    (("ssn", "national id", "passport"), "national_id"),
    (("card number", "credit card"), "card"),
    (("plate", "license plate"), "plate"),
    (("mac address", "mac"), "mac"),
    (("ip", "ip address", "ipaddr"), "ip"),
    (("url", "website", "link", "homepage", "uri", "href"), "url"),
    (("zip", "zipcode", "postcode", "postal", "postalcode"), "postcode"),
    (("city", "town"), "city"),
    (("country code",), "country_code"),
    (("country", "nation", "nationality"), "country"),
    (("currency",), "currency_code"),
    (("state", "province", "region", "county"), "region"),
    (("street", "address line"), "street"),
    (("address",), "address"),
    (("company", "employer", "organisation", "organization", "vendor", "supplier", "manufacturer", "brand"), "company"),
    (("job", "occupation", "profession", "position", "role"), "job"),
    (("gender", "sex"), "gender"),
    (("color", "colour"), "color"),
    (("language", "lang", "locale"), "language"),
    (("status", "stage"), "status"),
    (("type", "category", "kind", "class", "group", "level", "tier", "priority"), "category"),
    (("slug",), "slug"),
    (("sku", "code", "ref", "reference", "number", "no", "barcode", "isbn", "serial"), "code"),
    (("description", "comment", "comments", "note", "notes", "body", "content", "bio", "about", "message", "text",
      "review", "summary", "remarks", "details"), "paragraph"),
    (("title", "subject", "headline", "caption", "label"), "title"),
    (("filename", "file", "path"), "file"),
)  # fmt: skip
_NUMBERS: tuple[tuple[tuple[str, ...], tuple[float, float]], ...] = (
    (("age",), (18, 90)),
    (("year",), (1990, 2025)),
    (("month",), (1, 12)),
    (("weekday", "day of week"), (0, 6)),
    (("day",), (1, 28)),
    (("hour",), (0, 23)),
    (("minute", "second"), (0, 59)),
    (("quantity", "qty"), (1, 20)),
    (("rating", "stars"), (1, 5)),
    (("percent", "percentage", "pct"), (0, 100)),
    (("rate", "ratio", "share", "probability", "discount", "tax"), (0, 1)),
    (("latitude", "lat"), (-90, 90)),
    (("longitude", "lon", "lng"), (-180, 180)),
    (("height",), (150, 200)),
    (("weight",), (1, 120)),
    (("population",), (1_000, 5_000_000)),
    (("salary", "income", "revenue", "budget"), (20_000, 200_000)),
    (("price", "amount", "total", "cost", "fee", "balance", "paid", "payment", "subtotal", "value"), (1, 2_000)),
    (("version", "sort", "position", "rank", "sequence"), (1, 20)),
)  # fmt: skip
_MOMENTS: tuple[tuple[tuple[str, ...], tuple[str, str]], ...] = (
    (("birth", "born", "dob", "birthday", "birthdate"), ("1945-01-01", "2006-12-31")),
    (("death", "died", "dod"), ("2015-01-01", "2025-12-31")),
    (("expire", "expires", "expiry", "expiration", "valid until", "due", "end", "until", "deadline"),
     ("2024-06-01", "2028-12-31")),
    (("hired", "hire", "joined", "founded", "since"), ("2005-01-01", "2025-12-31")),
)  # fmt: skip
RECENT = ("2023-01-01", "2025-12-31")


def words(name: str) -> tuple[str, ...]:
    """Return a name's words in lower case.

    Example:
        >>> words("billingPostalCode"), words("first_name")
        (('billing', 'postal', 'code'), ('first', 'name'))
    """
    return tuple(word.lower() for word in re.split(r"[\W_]+", _CAMEL.sub(" ", name)) if word)


def text_kind(column: str, table: str) -> str:
    """Return what kind of text a column's name asks for, seen from its table; "words" where it says nothing.

    Example:
        >>> text_kind("EmailAddress", "users"), text_kind("name", "customers"), text_kind("name", "products")
        ('email', 'name', 'product')
    """
    padded = f" {' '.join(words(column))} "
    for spelled, kind in _TEXTS:
        if any(f" {word} " in padded for word in spelled):
            if kind == "title" and is_people(table):
                return "job"
            return kind
    if " name " in padded or padded.strip().endswith("name"):
        return _name_of(padded, table)
    return "words"


def _name_of(padded: str, table: str) -> str:
    owner = f"{padded} {' '.join(words(table))}"
    if is_people(owner):
        return "name"
    for spelled, kind in (
        (("company", "supplier", "vendor", "brand"), "company"), (("city", "town"), "city"), (("country",), "country"),
        (("region", "state"), "region"),
    ):  # fmt: skip
        if any(word in owner for word in spelled):
            return kind
    return "product"


def is_people(table: str) -> bool:
    """Say whether a table's name speaks of people."""
    found = words(table)
    return any(word in _PEOPLE or word.removesuffix("s") in _PEOPLE for word in found)


def number_range(column: str) -> tuple[float, float] | None:
    """Return the range of numbers a name asks for, if it says anything.

    Example:
        >>> number_range("customer_age"), number_range("x") is None
        ((18, 90), True)
    """
    return _first(column, _NUMBERS)


def moment_range(column: str) -> tuple[str, str]:
    """Return the first and last day that a name asks for."""
    return _first(column, _MOMENTS) or RECENT


def _first(column: str, rows: tuple[tuple[tuple[str, ...], Pair], ...]) -> Pair | None:
    padded = f" {' '.join(words(column))} "
    for spelled, found in rows:
        if any(f" {word} " in padded for word in spelled):
            return found
    return None
