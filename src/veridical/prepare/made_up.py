"""Which made-up value does a personal or free-text column get?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

import veridical.fabricate as fabricate
from veridical.core.rng import derive
from veridical.core.schema import Column
from veridical.prepare.codec import Place, Plain

_OF_A_PERSON = frozenset({"name", "first_name", "last_name", "email", "username"})
_OTHER_NAMES = {"full_name": "name", "ssn": "national_id", "zip": "postcode", "surname": "last_name"}


def personal(column: Column, place: Place, *, unique: bool) -> pa.Array:
    """Return personal data of the column's type and locale; the parts of one person agree over columns."""
    kind = _OTHER_NAMES.get(column.personal or "", column.personal or "name")
    if kind in _OF_A_PERSON and not unique and column.pattern is None:
        rng = np.random.default_rng(place.people)
        return fabricate.person(column.locale, place.rows, rng)[kind]
    known = kind if kind in fabricate.KINDS else "name"
    return fabricate.column(
        known,
        locale=column.locale,
        rows=place.rows,
        rng=place.rng,
        unique=unique,
        pattern=column.pattern,
        start_row=place.start_row,
        key=derive(place.key, "personal", column.name) % 2**62,
    )


def learn_text(values: pa.Array, *, rare_below: int) -> Plain:
    """Return what may be told of free text: never a text, never a word that few records carry."""
    build = getattr(fabricate, "text_model", None)
    if build is None:
        return {}
    model: Plain = build(values, rare_below).to_dict()
    return model


def text(model: Plain, place: Place) -> pa.Array:
    """Return free text drawn from what `learn_text` told, or text of a shape."""
    if "pattern" in model:
        return fabricate.pattern(model["pattern"], place.rows, rng=place.rng)
    kind = getattr(fabricate, "TextModel", None)
    if not model or kind is None:
        return fabricate.column("sentence", locale=None, rows=place.rows, rng=place.rng)
    return kind.from_dict(model).draw(place.rows, place.rng)
