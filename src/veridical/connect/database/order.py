"""In which order can tables be filled, and which links go round in a circle?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from veridical.connect.database.structure import Link, SqlTable


@dataclass(frozen=True, slots=True)
class Order:
    """Tables with parents before children, and the links that this order cannot keep, by child table.

    `late` links close a circle: they are set in a second step, or checked at the end of the transaction.
    """

    names: tuple[str, ...]
    late: Mapping[str, tuple[Link, ...]]


def order_of(tables: Sequence[SqlTable]) -> Order:
    """Return the order to fill tables in; links that can wait (nullable, deferrable) are the ones broken.

    Example:
        >>> a = SqlTable(name="a", columns=())
        >>> link = Link(name="", columns=("x",), parent="a", parent_columns=("x",))
        >>> b = SqlTable(name="b", columns=(), links=(link,))
        >>> order_of([b, a]).names
        ('a', 'b')
    """
    names = {table.name for table in tables}
    waiting = {
        table.name: [link for link in table.links if link.parent in names and link.parent != table.name]
        for table in tables
    }
    by_name = {table.name: table for table in tables}
    ordered: list[str] = []
    late: dict[str, tuple[Link, ...]] = {}
    while waiting:
        ready = [name for name, links in waiting.items() if all(link.parent in ordered for link in links)]
        if not ready:
            name, link = _weakest(waiting, ordered, by_name)
            late[name] = (*late.get(name, ()), link)
            waiting[name].remove(link)
            continue
        for name in ready:
            ordered.append(name)
            del waiting[name]
    return Order(tuple(ordered), late)


def _weakest(
    waiting: Mapping[str, list[Link]], ordered: Sequence[str], tables: Mapping[str, SqlTable]
) -> tuple[str, Link]:
    """The link in a circle that is easiest to set later."""
    circle = _circle(waiting, ordered)
    return min(circle, key=lambda pair: (can_wait(tables[pair[0]], pair[1]) is False, pair[1].defer == "", pair[0]))


def _circle(waiting: Mapping[str, list[Link]], ordered: Sequence[str]) -> list[tuple[str, Link]]:
    """The links of one circle: following unfilled parents from anywhere must come round."""
    path: list[tuple[str, Link]] = []
    seen: list[str] = []
    name = next(iter(waiting))
    while name not in seen:
        seen.append(name)
        link = next(link for link in waiting[name] if link.parent not in ordered)
        path.append((name, link))
        name = link.parent
    return path[seen.index(name) :]


def can_wait(table: SqlTable, link: Link) -> bool:
    """Say whether a link may be empty until its parent is there: one column that takes null, outside the key."""
    return any(table.column(name).nullable and name not in table.primary_key for name in link.columns)
