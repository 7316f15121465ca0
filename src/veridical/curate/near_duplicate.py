"""Which texts are nearly the same, at many thousands a second? MinHash with banding; one of each cluster stays.

Broder 1997, "On the resemblance and containment of documents"; the bands of Penedo et al. 2024 (FineWeb): 14 of 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from veridical.core.errors import MissingExtraError
from veridical.curate.setting import configured
from veridical.curate.word import joined, plain, texts_of, words_of
from veridical.llm.candidate import Candidate, Rejection

BANDS, ROWS = 14, 8
_SEED = 42


@configured
@dataclass(kw_only=True)
class NearDuplicates:
    """Refuses texts whose word n-grams resemble an accepted text's with Jaccard of at least `threshold`.

    `shingle_words` is n: 5 for documents, 2 or 3 for single sentences. `unit` "character" takes runs of that many
    characters instead (scripts without spaces). With `against_seeds` the seeds count as accepted.
    """

    fields: tuple[str, ...] = ()
    threshold: float = 0.7
    shingle_words: int = 5
    unit: str = "word"
    against_seeds: bool = False
    seeds: tuple[Mapping[str, Any], ...] = ()
    name: str = field(default="near_duplicates", init=False)

    def __post_init__(self) -> None:
        self._rensa = _library()
        self._index = self._rensa.RMinHashLSH(self.threshold, BANDS * ROWS, BANDS)
        self._sketches: list[Any] = []
        self._looked_at: tuple[Candidate, Any] | None = None
        if self.against_seeds:
            for text in texts_of(self.seeds, self.fields):
                self._keep(self._sketch(text))

    def refuses(self, candidate: Candidate) -> Rejection | None:
        """Return why the candidate may not stay, or None."""
        sketch = self._sketch(joined(candidate.fields, self.fields))
        self._looked_at = (candidate, sketch)
        near = max((sketch.jaccard(self._sketches[key]) for key in self._index.query(sketch)), default=0.0)
        if near >= self.threshold:
            return Rejection(self.name, f"an accepted text resembles it (Jaccard about {near:.2f})")
        return None

    def admit(self, candidate: Candidate) -> None:
        """Remember an accepted record."""
        if self._looked_at is not None and self._looked_at[0] is candidate:
            self._keep(self._looked_at[1])  # most are admitted right after they were looked at
        else:
            self._keep(self._sketch(joined(candidate.fields, self.fields)))

    def _sketch(self, text: str) -> Any:
        sketch = self._rensa.RMinHash(BANDS * ROWS, _SEED)
        sketch.update(shingles(text, self.shingle_words, self.unit))
        return sketch

    def _keep(self, sketch: Any) -> None:
        self._index.insert(len(self._sketches), sketch)
        self._sketches.append(sketch)


def shingles(text: str, size: int, unit: str = "word") -> list[str]:
    """Return every run of `size` words (or characters); a shorter text is one run.

    Example:
        >>> shingles("a b c d", 3)
        ['a b c', 'b c d']
    """
    if unit == "character":
        letters = plain(text)
        return [letters[start : start + size] for start in range(max(1, len(letters) - size + 1))]
    words = words_of(text)
    return [" ".join(words[start : start + size]) for start in range(max(1, len(words) - size + 1))]


def near_duplicate_clusters(
    texts: Sequence[str], *, threshold: float = 0.7, shingle_words: int = 5, unit: str = "word"
) -> list[list[int]]:
    """Return the groups of texts that resemble one another, each first text first; the first of a group is to be kept.

    Example:
        >>> near_duplicate_clusters(["a b c d e f g h i", "x y z u v w", "A b c d e f g h i!"])
        [[0, 2]]
    """
    library = _library()
    index = library.RMinHashLSH(threshold, BANDS * ROWS, BANDS)
    sketches: list[Any] = []
    root = list(range(len(texts)))
    for place, text in enumerate(texts):
        sketch = library.RMinHash(BANDS * ROWS, _SEED)
        sketch.update(shingles(text, shingle_words, unit))
        for key in index.query(sketch):
            if sketch.jaccard(sketches[key]) >= threshold:
                one, two = _find(root, key), _find(root, place)
                root[max(one, two)] = min(one, two)
        index.insert(place, sketch)
        sketches.append(sketch)
    groups: dict[int, list[int]] = {}
    for place in range(len(texts)):
        groups.setdefault(_find(root, place), []).append(place)
    return [group for group in groups.values() if len(group) > 1]


def _find(root: list[int], place: int) -> int:
    while root[place] != place:
        root[place] = root[root[place]]
        place = root[place]
    return place


def _library() -> Any:
    try:
        import rensa
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            "rensa is not installed", where="near_duplicates", fix="pip install 'veridical[text]'"
        ) from missing
    return rensa
