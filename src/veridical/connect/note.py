"""What was changed while a column was read, and where is that kept?"""

from __future__ import annotations

import pyarrow as pa

_KEY = b"veridical:notes"
_SEPARATOR = "\x1e"


def with_notes(field: pa.Field, *notes: str) -> pa.Field:
    """Return the field with notes added to those it has; they travel with the table's schema.

    Example:
        >>> notes_of(with_notes(pa.field("age", pa.int64()), "NA read as missing"))
        ('NA read as missing',)
    """
    every = (*notes_of(field), *notes)
    if not every:
        return field
    return field.with_metadata({**(field.metadata or {}), _KEY: _SEPARATOR.join(every).encode()})


def notes_of(field: pa.Field) -> tuple[str, ...]:
    """Return what was noted while the column was read."""
    text = (field.metadata or {}).get(_KEY)
    return () if text is None else tuple(text.decode().split(_SEPARATOR))
