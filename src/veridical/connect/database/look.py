"""What does a value look like, of a type that has a form of its own and no Arrow type?"""

from __future__ import annotations

import re

from veridical.connect.database import sqltype
from veridical.connect.database.address import DUCKDB
from veridical.connect.database.structure import Family, SqlType
from veridical.connect.database.token import tokens

_NUMBER = "[1-9][0-9]{0,2}"
_POINT = rf"\({_NUMBER},{_NUMBER}\)"
_DAYS = r"20[01][0-9]-0[1-9]-1[0-9],202[0-9]-0[1-9]-2[0-8]"
_PATTERNS = {
    "int4range": r"\[1[0-9]{3},2[0-9]{3}\)", "int8range": r"\[1[0-9]{3},2[0-9]{3}\)",
    "numrange": r"\[1[0-9]{3},2[0-9]{3}\)",
    "daterange": rf"\[{_DAYS}\)", "tsrange": rf"\[{_DAYS}\)", "tstzrange": rf"\[{_DAYS}\)",
    "int4multirange": r"\{\[1[0-9]{3},2[0-9]{3}\)\}", "int8multirange": r"\{\[1[0-9]{3},2[0-9]{3}\)\}",
    "time with time zone": r"1[0-9]:[0-5][0-9]:00\+00", "timetz": r"1[0-9]:[0-5][0-9]:00\+00",
    "interval": "[1-9][0-9]{1,2} minutes", "tsvector": "[a-z]{4,8}", "tsquery": "[a-z]{4,8}", "xml": "<[a-z]{1,8}/>",
    "money": r"[1-9][0-9]{0,3}\.[0-9]{2}", "hstore": '"[a-z]{3}"=>"[0-9]{3}"', "ltree": r"[a-z]{3}\.[a-z]{4,8}",
    "point": _POINT, "box": f"{_POINT},{_POINT}", "lseg": rf"\[{_POINT},{_POINT}\]", "circle": f"<{_POINT},[1-9]>",
    "path": rf"\[{_POINT},{_POINT}\]", "polygon": rf"\({_POINT},{_POINT},{_POINT}\)", "line": r"\{[1-9],[1-9],[1-9]\}",
    "macaddr8": "08:00:2b:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}:[0-9a-f]{2}",
}  # fmt: skip
_PERSONAL = {"inet": "ip", "cidr": "ip", "macaddr": "mac"}
_ITEMS = {
    Family.INTEGER: "[1-9][0-9]?", Family.FLOAT: r"[1-9][0-9]?\.[0-9]", Family.DECIMAL: "[1-9]",
    Family.BOOLEAN: "[tf]", Family.DATE: "2024-0[1-9]-1[0-9]", Family.TIMESTAMP: "2024-0[1-9]-1[0-9]",
}  # fmt: skip


def personal_of(kind: SqlType) -> str | None:
    """Return the kind of personal data that values of a type are, where they are some.

    Example:
        >>> personal_of(sqltype.read("inet", dialect="postgresql"))
        'ip'
    """
    return _PERSONAL.get(_name(kind)) if kind.family is Family.OTHER else None


def pattern_of(kind: SqlType, dialect: str) -> str | None:
    """Return the pattern that made-up values of a type follow; None where any text will do, or no pattern is known.

    Example:
        >>> pattern_of(sqltype.read("bit(4)", dialect="postgresql"), "postgresql")
        '[01]{4}'
        >>> pattern_of(sqltype.read("integer[]", dialect="postgresql"), "postgresql")
        '\\\\{[1-9][0-9]?,[1-9][0-9]?\\\\}'
    """
    if kind.family is Family.JSON:
        return r'\{"id": [1-9][0-9]{0,5}\}'
    if kind.family is Family.ARRAY:
        return _array(kind, dialect)
    if kind.family not in (Family.OTHER, Family.INTERVAL):
        return None
    name, sizes = _name(kind), [int(number) for number in re.findall(r"\d+", kind.text)]
    if name == "bit":
        return f"[01]{{{sizes[0] if sizes else 1}}}"
    if name in ("bit varying", "varbit"):
        return f"[01]{{1,{min(sizes[0], 16) if sizes else 8}}}"
    if name in ("struct", "map"):
        return _nested(kind, dialect)
    if name == "vector" and sizes:
        return r"\[" + ",".join([r"0\.[0-9]{3}"] * sizes[0]) + r"\]"
    return _PATTERNS.get(name)


def is_range(kind: SqlType) -> bool:
    """Say whether values of a type are stretches from one end to another."""
    return kind.family is Family.OTHER and _name(kind).endswith("range") and "multi" not in kind.text


def _name(kind: SqlType) -> str:
    return kind.text.split("(")[0].strip().lower().rpartition(".")[2]


def _array(kind: SqlType, dialect: str) -> str:
    opening, comma, ending = (r"\[", ", ", r"\]") if dialect == DUCKDB else (r"\{", ",", r"\}")
    element = sqltype.read(kind.element or "text", dialect=dialect)
    item = _ITEMS.get(element.family)
    if element.family is Family.TEXT:
        item = f'"[a-z]{{1,{min(element.length or 8, 8)}}}"' if dialect != DUCKDB else "[a-z]{1,8}"
    # Elements of types with names of their own: an array may hold none.
    return opening + (comma.join([item, item]) if item is not None else "") + ending


def _nested(kind: SqlType, dialect: str) -> str | None:
    """DuckDB's structures, spelled {'name': value}, and maps, spelled {key=value}."""
    words = tokens(kind.text)
    inner, depth, start = [], 0, words[1].end
    for word in words[1:]:
        depth += {"(": 1, ")": -1}.get(word.spelling, 0)
        if (word.spelling == "," and depth == 1) or depth == 0:
            inner.append(kind.text[start : word.start].strip())
            start = word.end
        if depth == 0:
            break
    if kind.text[:3].upper() == "MAP":
        items = [_item(text, dialect) for text in inner]
        return None if None in items else r"\{" + "=".join(map(str, items)) + r"\}"
    named = [text.partition(" ") for text in inner]
    spelled = [(name.strip('"'), _item(text, dialect)) for name, _, text in named]
    if any(item is None for _, item in spelled):
        return None
    return r"\{" + ", ".join(f"'{name}': {item}" for name, item in spelled) + r"\}"


def _item(text: str, dialect: str) -> str | None:
    kind = sqltype.read(text, dialect=dialect)
    return "[a-z]{1,8}" if kind.family is Family.TEXT else _ITEMS.get(kind.family)
