"""What does a word problem say, what is its answer, and what would it be asked backwards? Equations decide."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from veridical.core.errors import MissingExtraError, SpecError
from veridical.core.options import from_options

_EXPRESSION = re.compile(r"\[([^\]]+)\]")
_TRIES = 2_000
_WORDS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "en": {
        "name": ("Ana", "Bilal", "Chen", "Dora", "Emeka", "Freya", "Goran", "Hana", "Ines", "Jonas", "Kofi", "Lena"),
        "item": ("notebook", "candle", "mug", "plant", "poster", "brush", "ticket", "lamp", "scarf", "puzzle"),
        "thing": ("coat", "chair", "printer", "guitar", "suitcase", "kettle", "tent", "desk"),
    },
    "ko": {
        "name": ("민준", "서연", "지호", "하은", "도윤", "수아", "예준", "지우"),
        "item": ("공책", "연필", "사과", "컵", "포스터", "화분"),
        "thing": ("가방", "의자"),
    },
}


@dataclass(frozen=True, kw_only=True)
class Template:
    """A word problem: ranges of its numbers, its equation in `x`, and its words by language."""

    draw: Mapping[str, tuple[int, int]]
    equation: str
    masks: tuple[str, ...]
    en: Mapping[str, Any]
    ko: Mapping[str, Any] = field(default_factory=dict)
    answer: tuple[int, int] = (1, 1_000_000)
    below: str = ""

    def speaks(self, language: str) -> bool:
        """Return whether it has words of a language."""
        return bool(getattr(self, language, None))

    def words(self, language: str) -> Mapping[str, Any]:
        """Return the words of a language, English where it has none."""
        found: Mapping[str, Any] = getattr(self, language, None) or self.en
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A question with its answer (as text), the numbers and names in it, and how the answer is reached."""

    name: str
    question: str
    statement: str
    answer: str
    values: Mapping[str, int]
    steps: tuple[str, ...]
    language: str


def read_templates(place: str, beside: Path) -> Mapping[str, Template]:
    """Return the templates that ship ("" for the place), or those of a YAML file.

    Raises:
        SpecError: the file is not there, or a template is wrong.
    """
    if not place:
        with resources.as_file(resources.files("veridical.engines.math") / "templates.yaml") as path:
            return _read(path)
    path = beside / place
    if not path.is_file():
        raise SpecError(f"there is no file {place!r}", where="recipe.math.templates")
    return _read(path)


def fill(name: str, template: Template, language: str, rng: np.random.Generator) -> Problem:
    """Return one problem of a template: numbers are drawn until the equation has one whole answer in range.

    Raises:
        SpecError: no numbers in the ranges give one.
    """
    for _ in range(_TRIES):
        values = {key: int(rng.integers(low, high + 1)) for key, (low, high) in template.draw.items()}
        found = solved(template.equation, values, "x")
        if found is None or not template.answer[0] <= found <= template.answer[1]:
            continue
        if template.below and found >= values[template.below]:
            continue
        if (made := _worded(name, template, language, values, found, rng)) is not None:
            return made
    raise SpecError("no numbers in its ranges give a whole answer", where=f"template {name}")


def solved(equation: str, values: Mapping[str, int], unknown: str) -> int | None:
    """Return the one whole number that solves an equation for `unknown`; None where there is none, or more than one.

    Raises:
        MissingExtraError: SymPy is not installed.

    Example:
        >>> solved("Eq(4*x + 2*(c - x), l)", {"c": 10, "l": 26}, "x")
        3
    """
    sympy = _sympy()
    names = tuple(sorted({*values, unknown, "x"}))
    known = {sympy.Symbol(key): value for key, value in values.items() if key != unknown}
    found = [solution.subs(known) for solution in _solutions(equation, names, unknown)]
    whole = [value for value in found if value.is_Integer]
    return int(whole[0]) if len(set(found)) == 1 and whole else None


def formula(equation: str, values: Mapping[str, int]) -> str | None:
    """Return what x is, as a line of Python with the numbers in it; None where x has not one solution.

    Example:
        >>> formula("Eq(x, pay - n*p)", {"pay": 50, "n": 3, "p": 9}), formula("Eq(x*h, r*k)", {"r": 6, "h": 3, "k": 5})
        ('50 - 3*9', '5*6/3')
    """
    found = _solutions(equation, tuple(sorted({*values, "x"})), "x")
    if len(found) != 1:
        return None
    # As the author wrote it, where x stands alone: so it follows the words of the question.
    written = re.fullmatch(r"Eq\(x, ([^x]+)\)", equation)
    return re.sub(r"[a-z]+", lambda name: str(values[name[0]]), written[1] if written else str(found[0]))


@lru_cache(maxsize=256)
def _solutions(equation: str, names: tuple[str, ...], unknown: str) -> tuple[Any, ...]:
    """Solve once in letters; numbers are put in afterwards, thousands of times."""
    sympy = _sympy()
    return tuple(sympy.solve(_parsed(equation, names), sympy.Symbol(unknown)))


def _worded(
    name: str, template: Template, language: str, values: Mapping[str, int], answer: int, rng: np.random.Generator
) -> Problem | None:
    words = template.words(language)
    spoken = _WORDS["ko" if words is template.ko else "en"]
    fillers = {key: str(options[int(rng.integers(len(options)))]) for key, options in spoken.items()}
    others = [other for other in spoken["name"] if other != fillers["name"]]
    fillers["other"] = str(others[int(rng.integers(len(others)))])
    known: dict[str, Any] = {**values, **fillers, "x": answer}
    steps = []
    for step in words["steps"]:
        parts = {text: _worked_out(text, {**values, "x": answer}) for text in _EXPRESSION.findall(step)}
        if any(value is None for value in parts.values()):
            return None  # a fraction on the way: other numbers read better
        steps.append(_EXPRESSION.sub(lambda found, parts=parts: str(parts[found[1]]), step).format_map(known))  # type: ignore[misc]
    return Problem(
        name=name,
        question=str(words["question"]).format_map(known),
        statement=str(words["statement"]).format_map({**known, "x": "{x}"}),
        answer=str(answer),
        values=values,
        steps=tuple(steps),
        language="ko" if words is template.ko else "en",
    )


def _worked_out(text: str, values: Mapping[str, int]) -> int | None:
    names = tuple(sorted(values))
    value = _parsed(text, names).subs({_sympy().Symbol(key): number for key, number in values.items()})
    return int(value) if value.is_Integer and value >= 0 else None


@lru_cache(maxsize=512)
def _parsed(text: str, names: tuple[str, ...]) -> Any:
    # The text is the template author's, never a model's.
    sympy = _sympy()
    return sympy.sympify(text, locals={name: sympy.Symbol(name) for name in names})


@lru_cache(maxsize=8)
def _read(path: Path) -> Mapping[str, Template]:
    value = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(value, dict) or not value:
        raise SpecError("there are no templates", where=path.name)
    return {name: from_options(Template, about, where=f"template {name}") for name, about in value.items()}


def _sympy() -> Any:
    try:
        import sympy
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "SymPy is not installed", where="math", fix="pip install 'veridical[text]'"
        ) from missing
    return sympy
