"""Which examples and attributes does task number n get? The same ones, whenever it is planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from veridical.core.errors import SpecError
from veridical.core.rng import stream


def rotated(count: int, shots: int, *, seed: int, path: str, turn: int) -> list[int]:
    """Return which `shots` of `count` examples turn number `turn` sees: all are used before one comes again.

    Example:
        >>> turns = [rotated(6, 2, seed=1, path="x", turn=turn) for turn in range(3)]
        >>> sorted(sum(turns, []))
        [0, 1, 2, 3, 4, 5]
    """
    shots = min(shots, count)
    if shots == 0:
        return []
    places = range(turn * shots, (turn + 1) * shots)
    drawn = [_order(count, seed, path, place // count)[place % count] for place in places]
    # Where one round ends and the next begins an example may come twice: the next free one takes its place.
    spare = iter(index for index in _order(count, seed, path, places[0] // count) if index not in drawn)
    return [index if index not in drawn[:at] else next(spare) for at, index in enumerate(drawn)]


def started(
    seeds: Sequence[Mapping[str, Any]], number: int, wanted: Mapping[str, str], *, seed: int, **more: Any
) -> dict[str, Any]:
    """Return the spec of a task that starts from one seed: "start" is its place; all come before one comes again.

    Where seeds have a field that is wanted, the seed is one of those with that value (none: any).

    Example:
        >>> started([{"topic": "rain"}, {"topic": "tea"}], 3, {"topic": "tea"}, seed=1)
        {'task': 3, 'topic': 'tea', 'start': 1, 'source': 'seed:1'}
    """
    named = tuple((name, value) for name, value in sorted(wanted.items()) if name in dimensions_of(seeds))
    places = _with(seeds, named) if named else range(len(seeds))
    (turn,) = rotated(len(places), 1, seed=seed, path=f"start{named or ''}", turn=number)
    index = places[turn]
    return {"task": number, **wanted, "start": index, **more, "source": f"seed:{index}"}


def dimensions_of(seeds: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the fields of seeds by whose values a task's seed can be chosen."""
    return tuple(seeds[0]) if seeds else ()


def _with(seeds: Sequence[Mapping[str, Any]], named: Sequence[tuple[str, str]]) -> Sequence[int]:
    found = [place for place, seed in enumerate(seeds) if all(str(seed.get(name)) == value for name, value in named)]
    return found or range(len(seeds))


def drawn(options: Mapping[str, Sequence[str]], *, seed: int, path: str, turn: int) -> dict[str, str]:
    """Return one value of each attribute; over many turns all values come equally often."""
    return {
        name: values[rotated(len(values), 1, seed=seed, path=f"{path}.{name}", turn=turn)[0]]
        for name, values in options.items()
        if values
    }


def need_seeds(seeds: Sequence[Mapping[str, Any]], fields: Sequence[str], recipe: str) -> None:
    """Refuse seeds that do not hold what a recipe reads.

    Raises:
        SpecError: there are no seeds, or one lacks a field.
    """
    if not seeds:
        raise SpecError("there are no seed records", where=f"recipe.{recipe}", fix="name a file with `seeds:`")
    for number, record in enumerate(seeds):
        lacking = [name for name in fields if not isinstance(record.get(name), str)]
        if lacking:
            raise SpecError(
                f"seed {number} has no text in {', '.join(map(repr, lacking))}",
                where=f"recipe.{recipe}",
                fix="name the fields that the seeds have",
            )


@lru_cache(maxsize=4096)
def _order(count: int, seed: int, path: str, round_: int) -> tuple[int, ...]:
    return tuple(int(index) for index in stream(seed, "recipe", path, round_).permutation(count))
