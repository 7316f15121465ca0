"""Which Arrow type does the schema ask for, and how do values get into it?"""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa

from veridical.core.errors import SchemaError

_STAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, tz=(.+))?\]")
_UNIT = re.compile(r"(time32|time64|duration)\[(s|ms|us|ns)\]")
_DECIMAL = re.compile(r"decimal(?:32|64|128|256)?\((\d+), ?(-?\d+)\)")
_DICTIONARY = re.compile(r"dictionary<values=([^,]+), indices=([^,]+), ordered=[01]>")
_NAMES = {
    "date32[day]": pa.date32(),
    "date64[ms]": pa.date64(),
    "string_view": pa.string(),
    "null": pa.null(),
    "double": pa.float64(),
    "float": pa.float32(),
    "halffloat": pa.float16(),
}


def parse_type(text: str) -> pa.DataType:
    """Return the Arrow type that `text` spells, as `str(type)` writes it.

    Raises:
        SchemaError: there is no such type.

    Example:
        >>> parse_type("timestamp[us, tz=UTC]"), parse_type("int64")
        (TimestampType(timestamp[us, tz=UTC]), DataType(int64))
    """
    if text in _NAMES:
        return _NAMES[text]
    if found := _STAMP.fullmatch(text):
        return pa.timestamp(found[1], found[2])
    if found := _UNIT.fullmatch(text):
        return {"time32": pa.time32, "time64": pa.time64, "duration": pa.duration}[found[1]](found[2])
    if found := _DECIMAL.fullmatch(text):
        digits, scale = int(found[1]), int(found[2])
        return pa.decimal128(digits, scale) if digits <= 38 else pa.decimal256(digits, scale)
    if found := _DICTIONARY.fullmatch(text):
        return pa.dictionary(parse_type(found[2]), parse_type(found[1]))
    try:
        return pa.type_for_alias(text)
    except ValueError:
        fix = "use an Arrow type such as int64, double, string, bool, date32[day], timestamp[us]"
        raise SchemaError(f"no storage type {text!r}", where="storage", fix=fix) from None


def store(array: pa.Array, text: str | pa.DataType) -> pa.Array:
    """Return values in a storage type, or the one that `text` spells.

    Raises:
        SchemaError: the values cannot be stored so.
    """
    kind = parse_type(text) if isinstance(text, str) else text
    if array.type == kind:
        return array
    try:
        if pa.types.is_dictionary(kind):
            plain = array if array.type == kind.value_type else array.cast(kind.value_type)
            return plain.dictionary_encode().cast(kind)
        if pa.types.is_integer(array.type) and pa.types.is_decimal(kind):
            # Arrow asks whether every int64 would fit; only those that are there must.
            array = array.cast(pa.decimal256(76, kind.scale))
        return array.cast(kind, safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        fix = "give the column a storage that fits its kind"
        raise SchemaError(f"{array.type} cannot be stored as {text}", where="storage", fix=fix) from None


def is_text(kind: Any) -> bool:
    """Say whether an Arrow type is text, whatever its offsets, or a dictionary of it."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view")
