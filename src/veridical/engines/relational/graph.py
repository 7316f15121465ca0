"""In which order are tables made, which parent does each table grow from, and which links are matched later?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from veridical.core.schema import ForeignKey, Schema
from veridical.engines.relational import leading
from veridical.engines.relational.leading import BY_CHANCE
from veridical.prepare.codec import whole
from veridical.prepare.link import Pointing

SAMPLE_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Graph:
    """The links by number, and how tables hang together.

    `order` lists tables so that each comes after the parents it needs. `owner` is the link that a table grows from:
    its parents' counts say how many rows it has. `matched` are the table's other links, each made by pairing finished
    rows with finished parents. `late` are links within circles, self-references first of all, paired once all tables
    are there. `implied` links follow from the columns of another one. Of `followed` links (the first of three) the
    parent is always the one that the row's other parent (by the second) points to (by the third): a diagnosis's patient
    is the patient of its visit. Those that follow in every row are among the implied ones; of the others (some visits
    are null) the rest is matched. Each comes after the link that leads it. `spelled` links are led as well, but by
    their columns: those of the store stand among those of the store's week.
    """

    links: tuple[ForeignKey, ...]
    order: tuple[str, ...]
    owner: Mapping[str, int]
    matched: Mapping[str, tuple[int, ...]]
    late: tuple[int, ...]
    implied: tuple[int, ...]
    followed: tuple[tuple[int, int, int], ...] = ()
    spelled: tuple[tuple[int, int, int], ...] = ()

    @property
    def summed(self) -> tuple[tuple[int, int, int], ...]:
        """The links whose numbers of children are sums over another parent's."""
        return (*self.followed, *self.spelled)

    def children(self, table: str) -> tuple[int, ...]:
        """Return the links that point to a table and are drawn (not implied)."""
        return tuple(i for i, link in enumerate(self.links) if link.parent == table and i not in self.implied)

    @property
    def led(self) -> frozenset[int]:
        """The links that follow from another one, in all rows or in some."""
        return frozenset(way[0] for way in self.followed)


def build(schema: Schema, tables: Mapping[str, pa.Table], pointing: Sequence[Pointing]) -> Graph:
    """Return the graph of a schema's links: circles are broken where a key may be null, or where least rows point."""
    links = schema.foreign_keys
    spelled = _spelled(links)
    implied = [way[0] for way in spelled]
    open_links = [i for i, link in enumerate(links) if i not in implied and link.table != link.parent]
    late = [i for i, link in enumerate(links) if i not in implied and link.table == link.parent]
    late += _broken(schema, open_links, pointing)
    followed = leading.find([i for i in open_links if i not in late], links, pointing)
    led = [way[0] for way in followed]
    implied = [*implied, *(way[0] for way in followed if leading.everywhere(way, pointing))]
    kept = [i for i in open_links if i not in late and i not in implied]
    # Implied links order tables too: what they follow from is there before.
    order = _order(schema, links, kept)
    owner: dict[str, int] = {}
    matched: dict[str, tuple[int, ...]] = {}
    for name in order:
        mine = [i for i in kept if links[i].table == name]
        if not mine:
            continue
        best = max((i for i in mine if i not in led), key=lambda i: (_fitness(links[i], tables, pointing[i]), -i))
        owner[name] = best
        matched[name] = tuple(i for i in mine if i != best)
    return Graph(links, order, owner, matched, tuple(late), tuple(implied), followed, tuple(spelled))


def _spelled(links: Sequence[ForeignKey]) -> list[tuple[int, int, int]]:
    """Links whose columns are part of a wider link, whose parent points the same way: each, that one, the parent's."""
    found = []
    for i, link in enumerate(links):
        for j, wide in enumerate(links):
            if wide.table != link.table or not set(link.columns) < set(wide.columns):
                continue
            renamed = dict(zip(wide.columns, wide.parent_columns, strict=True))
            over = tuple(renamed[name] for name in link.columns)
            above = [
                k for k, other in enumerate(links)
                if k != i and other.table == wide.parent and other.columns == over and other.parent == link.parent
                and other.parent_columns == link.parent_columns
            ]  # fmt: skip
            if above:
                found.append((i, j, above[0]))
                break
    return found


def _broken(schema: Schema, open_links: Sequence[int], pointing: Sequence[Pointing]) -> list[int]:
    links = schema.foreign_keys
    late: list[int] = []
    while True:
        circle = _circle([i for i in open_links if i not in late], links)
        if not circle:
            return late

        def ease(i: int) -> tuple[bool, float]:
            nullable = any(schema.table(links[i].table).column(name).nullable for name in links[i].columns)
            return (not nullable, -float((pointing[i].rows < 0).mean()) if len(pointing[i].rows) else 0.0)

        late.append(min(circle, key=ease))


def _circle(open_links: Sequence[int], links: Sequence[ForeignKey]) -> list[int]:
    """The links of one circle, or none."""
    up: dict[str, list[int]] = {}
    for i in open_links:
        up.setdefault(links[i].table, []).append(i)
    done: set[str] = set()

    def walk(table: str, path: list[int], seen: list[str]) -> list[int]:
        for i in up.get(table, ()):
            parent = links[i].parent
            if parent in seen:
                return [*path, i][seen.index(parent) :]
            if parent not in done:
                found = walk(parent, [*path, i], [*seen, parent])
                if found:
                    return found
        done.add(table)
        return []

    for table in list(up):
        if table not in done:
            found = walk(table, [], [table])
            if found:
                return found
    return []


def _order(schema: Schema, links: Sequence[ForeignKey], kept: Sequence[int]) -> tuple[str, ...]:
    waiting = [table.name for table in schema.tables]
    ordered: list[str] = []
    while waiting:
        ready = [
            name for name in waiting
            if all(links[i].parent in ordered for i in kept if links[i].table == name)
        ]  # fmt: skip
        ordered += ready
        waiting = [name for name in waiting if name not in ready]
    return tuple(ordered)


def _fitness(link: ForeignKey, tables: Mapping[str, pa.Table], pointing: Pointing) -> float:
    """How well a table grows from a parent: rows of one parent lie together, values repeat it, few keys are null."""
    rows = pointing.rows
    if len(rows) < 2:
        return 0.0
    named = rows >= 0
    together = float((rows[1:] == rows[:-1]).mean())
    used = max(2, len(np.unique(rows[named])))
    fine = np.log(used) / np.log(max(3, len(rows)))
    present = named & (rows < pointing.present)
    lacking = 1 - float(present.mean())
    return together + 0.5 * float(fine) + _repeated(link, tables, pointing) - 2 * lacking


def _repeated(link: ForeignKey, tables: Mapping[str, pa.Table], pointing: Pointing) -> float:
    """The share of the child's columns that repeat a column of the parent."""
    own = [name for name in tables[link.table].column_names if name not in link.columns]
    return len(inherited(link, tables, pointing)) / max(1, len(own))


def inherited(link: ForeignKey, tables: Mapping[str, pa.Table], pointing: Pointing) -> dict[str, str]:
    """Return the child's columns that always repeat one of the parent's, and which.

    A column of the same name comes first; by another name it must agree more often than chance would have it. A
    constant tells nothing and is left out.
    """
    child, parent = tables[link.table], tables[link.parent]
    there = np.flatnonzero((pointing.rows >= 0) & (pointing.rows < pointing.present))
    if len(there) < 10:
        return {}
    some = there[:: max(1, len(there) // SAMPLE_ROWS)]
    found = {}
    for name in child.column_names:
        if name in link.columns or len(whole(child[name]).take(pa.array(some)).unique()) < 2:
            continue
        others = [other for other in parent.column_names if other not in link.parent_columns]
        others = [other for other in others if parent.schema.field(other).type == child.schema.field(name).type]
        for other in sorted(others, key=lambda other: other != name):
            if (
                _same(child[name], parent[other], some, pointing.rows)
                and (name == other or not _by_chance(parent[other], pointing.rows[there]))
                and _same(child[name], parent[other], there, pointing.rows)
            ):
                found[name] = other
                break
    return found


def _by_chance(values: pa.ChunkedArray, used: np.ndarray) -> bool:
    """Whether as many parents would have had what their children say, had the children been dealt out at random."""
    mine = whole(values).take(pa.array(np.unique(used))).dictionary_encode("encode").indices.to_numpy()
    share = np.bincount(mine) / len(mine)
    return bool(np.log(share[mine]).sum() > np.log(BY_CHANCE))


def _same(mine: pa.ChunkedArray, theirs: pa.ChunkedArray, places: np.ndarray, rows: np.ndarray) -> bool:
    own = whole(mine).take(pa.array(places))
    other = whole(theirs).take(pa.array(rows[places]))
    return bool(own.equals(other))
