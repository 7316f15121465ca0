"""What is found in a text by all that look: rules, a list of known persons, and Presidio where it is wanted?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from veridical.core.errors import SpecError
from veridical.deidentify.contact import contacts_in
from veridical.deidentify.entity import KINDS, USUAL, Entity, Finder, without_overlap
from veridical.deidentify.korean import korean_places_in
from veridical.deidentify.korean_person import korean_names_in
from veridical.deidentify.moment import dates_in
from veridical.deidentify.name import again_in, names_in
from veridical.deidentify.period import periods_in
from veridical.deidentify.place import places_in

_HANGUL = re.compile(r"[가-힣]")


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that is found by rules, English and Korean."""

    def find(self, text: str) -> list[Entity]:
        """Return what is found; entities may overlap."""
        found = [*contacts_in(text), *dates_in(text), *periods_in(text), *places_in(text), *names_in(text)]
        if _HANGUL.search(text):
            found += [*korean_names_in(text), *korean_places_in(text)]
        return found


@dataclass(frozen=True, slots=True)
class Known:
    """Persons and numbers that are known beforehand (a list, another column): found wherever they stand.

    Case and spacing aside; a name's own words are found alone where they have four letters or more.
    """

    terms: tuple[str, ...]
    kind: str = "name"

    def find(self, text: str) -> list[Entity]:
        """Return where the terms stand."""
        found = []
        for term in self.terms:
            if len(term.strip()) < 2:
                continue
            pattern = r"[\s-]*".join(re.escape(part) for part in re.split(r"[\s-]+", term.strip()))
            edge = r"(?<![^\W_])" if not _HANGUL.search(term) else r"(?<![가-힣])"
            after = "" if _HANGUL.search(term) else r"(?![^\W_])"
            found += [Entity(*m.span(), self.kind, 1.0) for m in re.finditer(edge + pattern + after, text, re.I)]
        return found


@dataclass(frozen=True, slots=True)
class All:
    """Several finders together, and what was named once found again in the same text.

    `kinds` are what is looked for ("period" only where it is named); `least` is how sure a finding must be, 0 to 1.

    Example:
        >>> text = "Maria Santos (maria@example.org) called. Santos was born on 3 May 1961."
        >>> [entity.of(text) for entity in All((Rules(),)).entities(text)]
        ['Maria Santos', 'maria@example.org', 'Santos', '3 May 1961']
    """

    finders: Sequence[Finder]
    kinds: tuple[str, ...] = USUAL
    least: float = 0.5

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown:
            raise SpecError(f"nothing is found of kind {unknown[0]!r}", where="kinds", fix=f"use {', '.join(KINDS)}")

    def entities(self, text: str) -> list[Entity]:
        """Return what is found, first to last, none overlapping."""
        found = [entity for finder in self.finders for entity in finder.find(text)]
        kept = without_overlap(self._wanted(found))
        names = {e.of(text) for e in kept if e.kind == "name" and e.sure >= 0.8 and not _HANGUL.search(e.of(text))}
        korean = {e.of(text) for e in kept if e.kind == "name" and len(e.of(text)) >= 3 and _HANGUL.search(e.of(text))}
        if "name" in self.kinds and (names or korean):
            again = [*again_in(text, names), *Known(tuple(sorted(korean))).find(text)]
            kept = without_overlap([*kept, *again])
        return kept

    def _wanted(self, found: Iterable[Entity]) -> list[Entity]:
        return [entity for entity in found if entity.kind in self.kinds and entity.sure >= self.least]
