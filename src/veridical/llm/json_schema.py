"""Does a JSON value fit a JSON schema, and if not, where does it not?

The part of JSON Schema 2020-12 that language models are asked for and that pydantic writes: types, properties,
required, additionalProperties, items, enum, const, bounds, lengths, pattern, anyOf, oneOf, allOf and local $ref.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float),
    "boolean": (bool,), "null": (type(None),),
}  # fmt: skip

_TEXT = {"type": "string"}


def misfit(value: Any, schema: Mapping[str, Any]) -> str | None:
    """Return the first way in which a value does not fit, or None; the answer never quotes the value.

    Example:
        >>> misfit({"n": "x"}, {"type": "object", "properties": {"n": {"type": "integer"}}})
        'n must be integer'
    """
    return next(_misfits(value, schema, "the reply", schema), None)


def _misfits(value: Any, schema: Any, name: str, root: Mapping[str, Any]) -> Iterator[str]:
    if schema is True or not schema:
        return
    if schema is False:
        yield f"{name} must be left out"
        return
    if "$ref" in schema:
        yield from _misfits(value, _referred(schema["$ref"], root), name, root)
    for word in ("anyOf", "oneOf"):
        if word in schema and all(any(_misfits(value, option, name, root)) for option in schema[word]):
            yield f"{name} fits none of its alternatives"
    for option in schema.get("allOf", ()):
        yield from _misfits(value, option, name, root)
    kinds = schema.get("type")
    if kinds is not None and not any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        yield f"{name} must be {kinds if isinstance(kinds, str) else ' or '.join(kinds)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{name} must be one of {', '.join(map(str, schema['enum'][:20]))}"
    if "const" in schema and value != schema["const"]:
        yield f"{name} must be {schema['const']}"
    if isinstance(value, dict):
        yield from _of_object(value, schema, name, root)
    elif isinstance(value, list):
        yield from _of_size(len(value), schema, name, ("minItems", "maxItems"), "items")
        for index, item in enumerate(value):
            yield from _misfits(item, schema.get("items", True), f"{name}[{index}]", root)
    elif isinstance(value, str):
        yield from _of_size(len(value), schema, name, ("minLength", "maxLength"), "characters")
        if "pattern" in schema and not re.search(schema["pattern"], value):
            yield f"{name} must match {schema['pattern']}"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _of_number(value, schema, name)


def _of_object(value: dict[str, Any], schema: Mapping[str, Any], name: str, root: Mapping[str, Any]) -> Iterator[str]:
    properties = schema.get("properties", {})
    for field in schema.get("required", ()):
        if field not in value:
            yield f"{field} is missing"
    for field, held in value.items():
        if isinstance(held, str) and properties.get(field) == _TEXT:
            continue  # what most fields are
        if field in properties:
            yield from _misfits(held, properties[field], field if name == "the reply" else f"{name}.{field}", root)
        elif schema.get("additionalProperties", True) is False:
            yield f"{name} holds a field it may not"
        else:
            yield from _misfits(held, schema.get("additionalProperties", True), f"{name}'s other field", root)


def _of_size(size: int, schema: Mapping[str, Any], name: str, words: tuple[str, str], unit: str) -> Iterator[str]:
    least, most = (schema.get(word) for word in words)
    if least is not None and size < least:
        yield f"{name} must have {least} {unit} or more"
    if most is not None and size > most:
        yield f"{name} must have {most} {unit} or fewer"


def _of_number(value: float, schema: Mapping[str, Any], name: str) -> Iterator[str]:
    if value < schema.get("minimum", value):
        yield f"{name} must be {schema['minimum']} or more"
    if value > schema.get("maximum", value):
        yield f"{name} must be {schema['maximum']} or less"
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield f"{name} must be more than {schema['exclusiveMinimum']}"
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        yield f"{name} must be less than {schema['exclusiveMaximum']}"


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool) and kind != "boolean":
        return False
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES.get(kind, (object,)))


def _referred(reference: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found
