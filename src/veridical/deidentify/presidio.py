"""What does Microsoft's Presidio find? An extra pair of eyes beside the rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


_SIZES = ("trf", "lg", "md", "sm")


def largest(names: Iterable[str], language: str) -> str | None:
    """Return the largest spaCy model of a language, by its name; None where there is none.

    Example:
        >>> largest(["en_core_web_sm", "de_core_news_lg", "en_core_web_md"], "en")
        'en_core_web_md'
    """
    own = [name for name in names if name.startswith(f"{language}_")]
    return min(own, key=_rank, default=None)


def _rank(name: str) -> tuple[int, str]:
    found = [place for place, size in enumerate(_SIZES) if f"_{size}" in name]
    return (found[0] if found else len(_SIZES), name)


@dataclass(frozen=True)
class Presidio:
    """Asks an `AnalyzerEngine`; its scores become how sure a finding is, its dates count only where rules read them."""

    analyzer: Any = field(repr=False)
    language: str = "en"

    @classmethod
    def of(cls, language: str = "en") -> Presidio:
        """Return a finder with Presidio's recognisers and the largest spaCy model of the language that is installed.

        Presidio by itself would download a model where its own choice is not there; this never does.

        Raises:
            MissingExtraError: presidio-analyzer, or a spaCy model of the language, is not installed.
        """
        try:
            import tldextract
            from presidio_analyzer import AnalyzerEngine
            from presidio_analyzer.nlp_engine import NlpEngineProvider
            from spacy.util import get_installed_models
        except ModuleNotFoundError as missing:
            fix = "pip install 'veridical[presidio]', and a spaCy model such as en_core_web_lg"
            raise MissingExtraError("Presidio is not installed", where="deidentify", fix=fix) from missing
        name = largest(get_installed_models(), language)
        if name is None:
            raise MissingExtraError(
                f"no spaCy model for {language!r} is installed",
                where="deidentify",
                fix="python -m spacy download en_core_web_lg, or any other model of the language",
            )
        settings = {"nlp_engine_name": "spacy", "models": [{"lang_code": language, "model_name": name}]}
        # Its e-mail recogniser would fetch a list of domains from the net; the list it came with will do.
        tldextract.tldextract.TLD_EXTRACTOR.suffix_list_urls = ()
        engine = NlpEngineProvider(nlp_configuration=settings).create_engine()
        return cls(AnalyzerEngine(nlp_engine=engine, supported_languages=[language]), language)

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
