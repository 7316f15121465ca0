"""How does a record become a sample for a classifier?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from veridical.core.errors import DataError

_TEXTS = ("text", "sentence", "document", "input", "instruction")
_LABELS = ("label", "category", "intent", "class")


def classification(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return {text, label}.

    Raises:
        DataError: the record has no text or no label.

    Example:
        >>> classification({"text": "My card is gone", "intent": "lost"})
        {'text': 'My card is gone', 'label': 'lost'}
    """
    text = next((fields[name] for name in _TEXTS if isinstance(fields.get(name), str)), None)
    label = next((fields[name] for name in _LABELS if fields.get(name) is not None), None)
    if text is None or label is None:
        raise DataError("a record has no text or no label", where="export", fix="use a recipe that labels its texts")
    return {"text": text, "label": str(label)}
