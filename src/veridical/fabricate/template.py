"""What does a pattern such as "AAA-9999" or "[A-Z]{2}\\d{6}" stand for?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby

import numpy as np
import pyarrow as pa

from veridical.core.errors import SpecError
from veridical.fabricate import text
from veridical.fabricate.draw import Codes, Recipe, key_of

UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LOWER = UPPER.lower()
DIGIT = "0123456789"
_CLASSES = {"A": UPPER, "a": LOWER, "9": DIGIT}
_ESCAPES = {"d": DIGIT, "w": UPPER + LOWER + DIGIT + "_"}
_REGEX = re.compile(r"^\^|\\[dw]|\[[^\]]+\]|\{\d+(,\d+)?\}|\(.*\|.*\)")
_MOST_COMBINATIONS = 2**62


@dataclass(frozen=True)
class Piece:
    """A run of `low` to `high` letters of one alphabet, or one of several texts."""

    alphabet: str = ""
    low: int = 1
    high: int = 1
    choices: tuple[str, ...] = ()

    @cached_property
    def radix(self) -> int:
        """How many texts the piece can be."""
        if self.choices:
            return len(self.choices)
        return sum(len(self.alphabet) ** n for n in range(self.low, self.high + 1))

    @property
    def fixed(self) -> bool:
        """Whether every text of the piece has the same number of ASCII letters."""
        widths = {len(choice) for choice in self.choices} if self.choices else {self.low, self.high}
        return len(widths) == 1 and all(choice.isascii() for choice in self.choices)

    def letters(self, codes: Codes) -> text.Letters:
        """Return ASCII codes, shape (rows, width), of a fixed piece."""
        if self.choices:
            table = np.frombuffer("".join(self.choices).encode("ascii"), dtype=np.uint8)
            return table.reshape(len(self.choices), -1)[codes]
        if self.alphabet == DIGIT:
            return text.digits(codes, self.low)
        return self._places(codes, self.low)

    def texts(self, codes: Codes) -> pa.Array:
        """Return the texts of any piece."""
        if self.choices:
            return text.pick(pa.array(self.choices, pa.string()), codes)
        if self.low == self.high:
            return text.of_letters(self.letters(codes))
        lengths, rest = self._lengths(codes)
        wide = self._places(rest, self.high)
        # Letters of shorter texts stand at the right end of the wide form.
        shown = np.arange(self.high) >= (self.high - lengths)[:, None]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        return pa.Array.from_buffers(pa.string(), len(codes), [None, pa.py_buffer(offsets), pa.py_buffer(wide[shown])])

    def _places(self, codes: Codes, width: int) -> text.Letters:
        table = np.frombuffer(self.alphabet.encode("ascii"), dtype=np.uint8)
        letters = np.empty((len(codes), width), dtype=np.uint8)
        for place in range(width - 1, -1, -1):
            codes, digit = np.divmod(codes, len(table))
            letters[:, place] = table[digit]
        return letters

    def _lengths(self, codes: Codes) -> tuple[Codes, Codes]:
        sizes = np.array([len(self.alphabet) ** n for n in range(self.low, self.high + 1)], dtype=np.int64)
        ends = np.cumsum(sizes)
        which = np.searchsorted(ends, codes, side="right")
        return which + self.low, codes - (ends - sizes)[which]


def pattern(
    form: str,
    rows: int,
    *,
    rng: np.random.Generator,
    unique: bool = False,
    start_row: int = 0,
    key: int | None = None,
) -> pa.Array:
    r"""Return text of a pattern, shape (rows,).

    Either the short style, where A is an upper-case letter, a a lower-case one, 9 a digit and a backslash keeps the
    next character as it is; or a regular expression of characters, classes, `\d`, `\w`, `(one|two)`, `?` and `{m,n}`.
    With `unique`, row `start_row + i` gets its own text, so shards never meet; `key` shuffles which.

    Raises:
        SpecError: the pattern is not of this language.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pattern(r"\INV-99", 100, rng=rng, unique=True).to_pylist()[0][:4]
        'INV-'
        >>> len(set(pattern(r"[A-C]{1,3}", 39, rng=rng, unique=True).to_pylist()))
        39
    """
    recipe = recipe_of(form)
    if not unique:
        return recipe.draw(rows, rng)
    return recipe.draw_unique(rows, start_row, key_of("pattern", form) if key is None else key, rng)


@lru_cache(maxsize=512)
def recipe_of(form: str) -> Recipe:
    """Return the recipe of a pattern."""
    return assemble(_of_regex(form) if _REGEX.search(form) else _of_short(form, {}))


def filled(form: str, fields: Mapping[str, Sequence[str]]) -> Recipe:
    """Return the recipe of a short pattern in which {name} stands for one of `fields[name]`."""
    return assemble(_of_short(form, fields))


def assemble(pieces: Sequence[Piece]) -> Recipe:
    """Return the recipe of pieces that stand one after another."""
    moving = [piece for piece in pieces if piece.radix > 1]

    def build(codes: Sequence[Codes]) -> pa.Array:
        rows = len(codes[0]) if codes else 0
        supply = iter(codes)
        given = [next(supply) if piece.radix > 1 else np.zeros(rows, dtype=np.int64) for piece in pieces]
        if all(piece.fixed for piece in pieces):
            return text.of_letters(np.hstack([p.letters(c) for p, c in zip(pieces, given, strict=True)]))
        return text.join(*(p.texts(c) if p.radix > 1 else p.choices[0] for p, c in zip(pieces, given, strict=True)))

    if not moving:
        word = pieces[0].choices[0] if pieces else ""
        return Recipe(radices=(1,), build=lambda codes: pa.array([word] * len(codes[0]), pa.string()))
    return Recipe(radices=tuple(piece.radix for piece in moving), build=build, again="-{}")


def _of_short(form: str, fields: Mapping[str, Sequence[str]]) -> list[Piece]:
    tokens = re.findall(r"\\.|\{\w+\}|.", form, flags=re.DOTALL)
    atoms: list[Piece] = []
    for token in tokens:
        if len(token) > 2 and token[1:-1] in fields:
            atoms.append(Piece(choices=tuple(fields[token[1:-1]])))
        elif token in _CLASSES:
            atoms.append(Piece(alphabet=_CLASSES[token]))
        else:
            atoms.append(Piece(choices=(token[1:] if token.startswith("\\") and len(token) == 2 else token,)))
    return _merged(atoms)


def _merged(atoms: Sequence[Piece]) -> list[Piece]:
    """Runs of one alphabet become one piece (up to the size a code can hold), runs of literals one text."""
    pieces: list[Piece] = []
    for (alphabet, literal), group in groupby(atoms, key=lambda p: (p.alphabet, len(p.choices) == 1)):
        run = list(group)
        if literal:
            pieces.append(Piece(choices=("".join(p.choices[0] for p in run),)))
        elif not alphabet or any(p.low != p.high for p in run):
            pieces += run
        else:
            width = sum(p.low for p in run)
            most = 9 if alphabet == DIGIT else int(np.log(_MOST_COMBINATIONS) / np.log(max(len(alphabet), 2)))
            pieces += [Piece(alphabet, n, n) for n in _chunks(width, most)]
    return [p for p in pieces if p.choices != ("",) and p.high > 0]


def _chunks(width: int, most: int) -> list[int]:
    return [min(most, width - start) for start in range(0, width, most)]


_ATOM = re.compile(
    r"(?P<escape>\\.)|\[(?P<set>[^\]]+)\]|\((?:\?:)?(?P<either>[^()]*)\)|(?P<literal>[^\\\[\](){}*+?|.^$])"
)
_TIMES = re.compile(r"\{(\d+)(?:,(\d+))?\}|\?")


def _of_regex(form: str) -> list[Piece]:
    body = form.removeprefix("^").removesuffix("$")
    atoms: list[Piece] = []
    place = 0
    while place < len(body):
        atom = _ATOM.match(body, place)
        if atom is None:
            raise SpecError(
                f"character {place + 1} of the pattern is not understood",
                where=form,
                fix=r"use characters, [classes], \d, \w, (one|two), ? and {m,n}; put \ before a sign meant as itself",
            )
        times = _TIMES.match(body, atom.end())
        low, high = _bounds(times, form)
        atoms += _repeated(_piece(atom), low, high, form)
        place = atom.end() if times is None else times.end()
    return _merged(atoms)


def _bounds(times: re.Match[str] | None, form: str) -> tuple[int, int]:
    if times is None:
        return 1, 1
    if times.group(1) is None:
        return 0, 1
    low = int(times.group(1))
    high = low if times.group(2) is None else int(times.group(2))
    if low > high:
        raise SpecError("a repetition ends before it starts", where=form, fix="write {least,most}")
    return low, high


def _piece(atom: re.Match[str]) -> Piece:
    if atom["escape"] is not None:
        letter = atom["escape"][1]
        return Piece(alphabet=_ESCAPES[letter]) if letter in _ESCAPES else Piece(choices=(letter,))
    if atom["set"] is not None:
        return Piece(alphabet=_alphabet(atom["set"]))
    if atom["either"] is not None:
        return Piece(choices=tuple(dict.fromkeys(atom["either"].split("|"))))
    return Piece(choices=(atom["literal"],))


def _repeated(piece: Piece, low: int, high: int, form: str) -> list[Piece]:
    if (low, high) == (1, 1):
        return [piece]
    if piece.choices:
        if low == high:
            return [piece] * low
        if len(piece.choices) == 1:
            return [Piece(choices=tuple(piece.choices[0] * n for n in range(low, high + 1)))]
        raise SpecError("a choice of texts cannot repeat a varying number of times", where=form, fix="write {n}")
    if low == high:
        return [Piece(piece.alphabet, low, high)]
    if len(piece.alphabet) ** high > _MOST_COMBINATIONS:
        raise SpecError("a repetition allows too many texts", where=form, fix="lower its upper end")
    return [Piece(piece.alphabet, low, high)]


def _alphabet(inside: str) -> str:
    letters: list[str] = []
    tokens = re.findall(r"\\.|.", inside)
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token in ("\\d", "\\w"):
            letters += _ESCAPES[token[1]]
        elif place + 2 < len(tokens) and tokens[place + 1] == "-":
            letters += [chr(code) for code in range(ord(token[-1]), ord(tokens[place + 2][-1]) + 1)]
            place += 2
        else:
            letters.append(token[-1])
        place += 1
    if not all(letter.isascii() for letter in letters):
        raise SpecError("a class of letters outside ASCII", where=inside, fix="write (가|나|다) instead")
    return "".join(dict.fromkeys(letters))
