"""What does Microsoft's Presidio find? An extra pair of eyes beside the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from veridical.core.errors import MissingExtraError
from veridical.deidentify.entity import Entity

_KINDS: Mapping[str, str] = {
    "PERSON": "name", "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "US_SSN": "national_id", "UK_NHS": "national_id",  # noqa: E501
    "KR_RRN": "national_id", "US_ITIN": "national_id", "CREDIT_CARD": "card", "IBAN_CODE": "iban", "IP_ADDRESS": "ip",
    "URL": "url", "US_PASSPORT": "id", "US_DRIVER_LICENSE": "id", "US_BANK_NUMBER": "id", "MEDICAL_LICENSE": "id",
    "CRYPTO": "id", "DATE_TIME": "date", "LOCATION": "place",
}  # fmt: skip


@dataclass(frozen=True)
class Presidio:
    """Asks an `AnalyzerEngine`; its scores become how sure a finding is, its dates count only where rules read them."""

    analyzer: Any = field(repr=False)
    language: str = "en"

    @classmethod
    def of(cls, language: str = "en") -> Presidio:
        """Return a finder with Presidio's own defaults.

        Raises:
            MissingExtraError: presidio-analyzer is not installed.
        """
        try:
            from presidio_analyzer import AnalyzerEngine
        except ModuleNotFoundError as missing:
            fix = "pip install presidio-analyzer, and the spaCy model that it names"
            raise MissingExtraError("Presidio is not installed", where="deidentify", fix=fix) from missing
        return cls(AnalyzerEngine(), language)

    def find(self, text: str) -> list[Entity]:
        """Return what Presidio finds, in our words."""
        from veridical.deidentify.moment import shifted

        found = []
        for result in self.analyzer.analyze(text=text, language=self.language):
            kind = _KINDS.get(result.entity_type)
            if kind == "date" and shifted(text[result.start : result.end], 0) is None:
                continue
            if kind is not None:
                found.append(Entity(result.start, result.end, kind, float(result.score)))
        return found
