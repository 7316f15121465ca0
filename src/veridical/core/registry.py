"""Which class stands behind this name, and is what it needs installed?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from veridical.core.errors import MissingExtraError, SpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What is known of a plug-in without importing it.

    `target` is "package.module:Class"; `extra` names the optional install it needs ("" for none);
    `maturity` is "stable", "beta" or "experimental".
    """

    name: str
    target: str
    modality: str
    summary: str
    extra: str = ""
    maturity: str = "stable"
    private: bool = False  # True when the engine can promise differential privacy


class Registry:
    """Cards by name: the built-in ones, and those of installed plug-ins (entry points).

    Example:
        >>> cards = [Card(name="tree", target="collections:OrderedDict", modality="table", summary="")]
        >>> Registry("veridical.engines", cards).load("tree").__name__
        'OrderedDict'
    """

    def __init__(self, group: str, cards: Iterable[Card]) -> None:
        self._group = group
        self._cards = {card.name: card for card in cards}
        self._plugins_read = False

    def __iter__(self) -> Iterator[Card]:
        self._read_plugins()
        return iter(self._cards.values())

    def card(self, name: str) -> Card:
        """Return one card.

        Raises:
            SpecError: no card has that name.
        """
        if name not in self._cards:  # plug-ins cannot replace a built-in name: only then are they worth a look
            self._read_plugins()
        if name not in self._cards:
            known = ", ".join(sorted(self._cards))
            raise SpecError(f"nothing is called {name!r}", where=self._group, fix=f"use one of: {known}")
        return self._cards[name]

    def load(self, name: str) -> Any:
        """Import and return the class behind a name.

        Raises:
            SpecError: no card has that name.
            MissingExtraError: the optional install it needs is absent.
        """
        card = self.card(name)
        module, _, attribute = card.target.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except ModuleNotFoundError as missing:
            if not card.extra:
                raise
            raise MissingExtraError(
                f"{missing.name} is not installed",
                where=f"{self._group}:{name}",
                fix=f"pip install 'veridical[{card.extra}]'",
            ) from missing

    def _read_plugins(self) -> None:
        if self._plugins_read:
            return
        self._plugins_read = True
        from importlib import metadata

        for entry in metadata.entry_points(group=self._group):
            # A plug-in's entry point resolves to its Card; built-in names cannot be replaced.
            card = entry.load()
            self._cards.setdefault(card.name, card)
