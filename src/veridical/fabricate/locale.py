"""Which names, places and words does a locale have?"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

DEFAULT = "en_US"
LOCALES = ("de_DE", "en_GB", "en_US", "es_ES", "fr_FR", "ja_JP", "ko_KR")

# Letters that have no plain letter inside them, so that decomposition does not help.
_PLAIN = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "æ": "ae", "œ": "oe", "ł": "l", "ð": "d", "þ": "th"})


@dataclass(frozen=True, slots=True)
class Locale:
    """The lists of one locale; what it lacks is taken from en_US."""

    name: str
    data: Mapping[str, Any]

    def text(self, key: str) -> str:
        """Return one text, such as the form of an address."""
        return str(self.data[key])

    def entries(self, key: str) -> list[str]:
        """Return a list: comma-separated where it holds a comma, else separated by spaces."""
        value = self.data[key]
        if isinstance(value, list):
            return [str(item) for item in value]
        return str(value).split(", ") if ", " in value else str(value).split()

    @property
    def first_names(self) -> list[str]:
        """The first names, female ones before male ones."""
        return self.entries("female") + self.entries("male")

    @property
    def latin_first_names(self) -> list[str]:
        """The first names in plain a to z, for addresses on the net."""
        if "female_latin" in self.data:
            return self.entries("female_latin") + self.entries("male_latin")
        return [self._latin(name) for name in self.first_names]

    @property
    def latin_last_names(self) -> list[str]:
        """The last names in plain a to z."""
        if "last_latin" in self.data:
            return self.entries("last_latin")
        return [self._latin(name) for name in self.entries("last")]

    @property
    def places(self) -> list[tuple[str, str, str]]:
        """City, region and the start of the city's postcodes."""
        return [(city, region, area) for city, region, area in (entry.split("/") for entry in self.entries("cities"))]

    def _latin(self, name: str) -> str:
        pairs = self.entries("syllables") if "syllables" in self.data else []
        sounds = dict(zip(pairs[::2], pairs[1::2], strict=True))
        return slug("".join(sounds.get(letter, letter) for letter in name))


def slug(text: str) -> str:
    """Return text in plain a to z and digits.

    Example:
        >>> slug("Jördis Weiß")
        'jordisweiss'
    """
    plain = unicodedata.normalize("NFKD", text.translate(_PLAIN)).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in plain if letter.isalnum())


def locale_of(name: str | None) -> Locale:
    """Return the locale of that name, else one of the same language, else en_US.

    Example:
        >>> locale_of("ko").name, locale_of("en-GB").name, locale_of(None).name
        ('ko_KR', 'en_GB', 'en_US')
    """
    wanted = DEFAULT if name is None else name.replace("-", "_").split(".")[0]
    if wanted not in LOCALES:
        language = wanted.split("_")[0].lower()
        same = [known for known in LOCALES if known.startswith(language + "_")]
        wanted = DEFAULT if not same or language == "en" else same[0]
    return _read(wanted)


@cache
def _read(name: str) -> Locale:
    data = _file(name)
    return Locale(name, data if name == DEFAULT else {**_file(DEFAULT), **data})


def _file(name: str) -> dict[str, Any]:
    content = (files("veridical.fabricate") / "locales" / f"{name}.json").read_text(encoding="utf-8")
    return dict(json.loads(content))
