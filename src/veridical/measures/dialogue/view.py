"""What do measures see of a dialogue, made or real?"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from veridical.core.errors import DataError
from veridical.curate.act import AGENT, CUSTOMER, acts_of
from veridical.curate.word import plain

LEAST = 10
FAILURES = ("state", "facts", "policy", "patience", "turns", "calls", "silence")
_CUSTOMERS = frozenset({"user", "customer", "client"})
_VALUE = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+|[A-Za-z]*\d[\w.-]*", re.ASCII)


@dataclass(frozen=True)
class Talk:
    """One dialogue: who spoke and what, in order; `about` holds its other fields (blueprint, policy breaks)."""

    speakers: tuple[str, ...]
    texts: tuple[str, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def acts(self) -> list[str]:
        """Every turn's acts by the tagger, after who does them."""
        return [f"{who}:{act}" for who, text in zip(self.speakers, self.texts) for act in acts_of(text, who)]

    @cached_property
    def repeated(self) -> int:
        """How many turns say what their speaker said before in the same dialogue."""
        counts = Counter((who, plain(text)) for who, text in zip(self.speakers, self.texts))
        return sum(count - 1 for count in counts.values())

    def values_said(self, speaker: str) -> list[str]:
        """Return the numbers, codes and addresses that a speaker names."""
        said = [text for who, text in zip(self.speakers, self.texts) if who == speaker]
        return [value.strip(".,") for text in said for value in _VALUE.findall(text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogueView:
    """Made dialogues, real ones to hold them against (perhaps none), and how many candidates failed at what."""

    made: Sequence[Talk]
    real: Sequence[Talk] = ()
    failed: Mapping[str, int] = field(default_factory=dict)


def talk_of(record: Mapping[str, Any]) -> Talk:
    """Return a dialogue of a record with `turns`: each with speaker, and text or utterance (as in SGD, MultiWOZ).

    Raises:
        DataError: there are no such turns.

    Example:
        >>> talk_of({"turns": [{"speaker": "USER", "utterance": "Hi"}]}).speakers
        ('customer',)
    """
    turns = record.get("turns")
    if not isinstance(turns, list) or not turns:
        raise DataError("a record has no turns", where="dialogues", fix="each needs `turns` of speaker and text")
    who = tuple(CUSTOMER if str(turn.get("speaker", "")).lower() in _CUSTOMERS else AGENT for turn in turns)
    texts = tuple(str(turn.get("clean") or turn.get("text") or turn.get("utterance") or "") for turn in turns)
    return Talk(who, texts, {name: value for name, value in record.items() if name != "turns"})
