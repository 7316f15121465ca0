"""What do rows of one parent have in common, beyond what their parent tells, and how are they drawn alike?

The lines of an order are for one purpose: products of one kind. Rows of a parent are put in an order by chance, and
each is told of one that comes before it, drawn by chance too; so any row may be like any other, as in an urn that gives
back what was drawn from it (Blackwell and MacQueen 1973). Rows are drawn in rounds, each as long as all before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from veridical.core.schema import Column, Role
from veridical.engines.relational.group import agreement, codes_of
from veridical.prepare.codec import whole
from veridical.prepare.link import NONE, Rows
from veridical.prepare.storage import parse_type

LEAST_ROWS = 200
LEAST_PARENTS = 20
LEAST_PAIRS = 0.3  # rows that have a sibling before them, of all rows
LEAST_LIKENESS = 0.02  # beyond that of rows whose parents are of one kind
MOST_COLUMNS = 6
Draw = Callable[[int, Rows, Mapping[str, pa.Array]], pa.Table]  # round, rows, what they are told of siblings


@dataclass(frozen=True, slots=True)
class Rounds:
    """The round that each row is drawn in, and the row of an earlier one that it is told of (-1: none)."""

    turn: Rows
    sibling: Rows

    @classmethod
    def of(cls, owners: Rows, rng: np.random.Generator) -> Rounds:
        """Return the rounds of rows by their parents (-1: none; such a row has no siblings).

        Example:
            >>> found = Rounds.of(np.array([4, 4, 4, 4, 7]), np.random.default_rng(0))
            >>> sorted(found.turn.tolist()), int((found.sibling < 0).sum())
            ([0, 0, 1, 2, 2], 2)
        """
        size = len(owners)
        own = np.where(owners < 0, owners.max(initial=0) + 1 + np.arange(size), owners)
        order = np.lexsort((rng.random(size), own))
        starts = np.flatnonzero(np.r_[True, np.diff(own[order]) != 0]) if size else np.zeros(0, dtype=np.int64)
        first = np.repeat(starts, np.diff(np.r_[starts, size]))
        rank = np.arange(size) - first
        turn = np.where(rank > 0, np.floor(np.log2(np.maximum(rank, 1))).astype(np.int64) + 1, 0)
        before = np.floor(rng.random(size) * 2.0 ** (turn - 1)).astype(np.int64)
        sibling = np.where(rank > 0, order[np.minimum(first + before, size - 1)], NONE)
        back = np.argsort(order, kind="stable")
        return cls(turn[back], sibling[back])


def name_of(column: str) -> str:
    """Return how a column of a sibling is called."""
    return f"#sibling {column}"


def find(inner: pa.Table, columns: Sequence[Column], owners: Rows, kinds: Rows) -> dict[str, str]:
    """Return the columns in which rows of one parent are alike beyond their parent's kind, with their Arrow types.

    Args:
        inner: What is learned of each row.
        columns: Its columns.
        owners: Each row's parent, -1 for none.
        kinds: The kind of that parent.
    """
    owned = np.flatnonzero(owners >= 0)
    parents = len(np.unique(owners[owned]))
    if len(owned) < LEAST_ROWS or parents < LEAST_PARENTS or len(owned) - parents < LEAST_PAIRS * len(owned):
        return {}
    found = []
    for column in columns:
        codes = codes_of(pa.chunked_array([whole(inner[column.name])])) if column.role is Role.MODEL else None
        if codes is None:
            continue
        likeness = agreement(owners[owned], codes[owned])
        beyond = likeness - agreement(kinds[owned], codes[owned])
        if beyond > LEAST_LIKENESS:
            found.append((-beyond, column.name))
    return {name: str(whole(inner[name]).type) for _, name in sorted(found)[:MOST_COLUMNS]}


def contexts(columns: Sequence[Column], names: Sequence[str]) -> list[Column]:
    """Return the columns that tell of a sibling."""
    own = {column.name: column for column in columns}
    return [
        replace(own[name], name=name_of(name), role=Role.CONTEXT, nullable=True, unique=False, reason="a sibling's")
        for name in names
    ]


def told(inner: pa.Table, names: Sequence[str], sibling: Rows) -> dict[str, pa.Array]:
    """Return what each row is told of its sibling, null where it has none."""
    places = pa.array(sibling, mask=sibling < 0)
    return {name_of(name): whole(inner[name]).take(places) for name in names}


def drawn(kinds: Mapping[str, str], rounds: Rounds, draw: Draw) -> pa.Table:
    """Return all rows, drawn in rounds; `kinds` are the Arrow types of what is told of siblings."""
    place = np.empty(len(rounds.turn), dtype=np.int64)
    parts: list[pa.Table] = []
    done = 0
    for turn in range(int(rounds.turn.max(initial=0)) + 1):
        rows = np.flatnonzero(rounds.turn == turn)
        if not len(rows):
            continue
        if parts:
            before = pa.concat_tables(parts)
            known = {name: whole(before[name]) for name in kinds}
            extra = {name_of(name): held.take(pa.array(place[rounds.sibling[rows]])) for name, held in known.items()}
        else:
            extra = {name_of(name): pa.nulls(len(rows), parse_type(kind)) for name, kind in kinds.items()}
        parts.append(draw(turn, rows, extra))
        place[rows] = np.arange(done, done + len(rows))
        done += len(rows)
    return pa.concat_tables(parts).take(pa.array(place)).combine_chunks()
