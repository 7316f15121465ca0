"""How does a record become a preference pair?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from veridical.core.errors import DataError
from veridical.integrations.sft import question_of


def preference(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return {prompt, chosen, rejected} as lists of messages, the form that `trl` takes for DPO.

    Raises:
        DataError: the record holds no pair.

    Example:
        >>> preference({"instruction": "Hi", "chosen": "Hello!", "rejected": "No."})["chosen"]
        [{'role': 'assistant', 'content': 'Hello!'}]
    """
    if not (isinstance(fields.get("chosen"), str) and isinstance(fields.get("rejected"), str)):
        raise DataError("a record holds no pair", where="export", fix="use a recipe that makes `chosen` and `rejected`")
    return {
        "prompt": [{"role": "user", "content": question_of(fields)}],
        "chosen": [{"role": "assistant", "content": fields["chosen"]}],
        "rejected": [{"role": "assistant", "content": fields["rejected"]}],
    }
