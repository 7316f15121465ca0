"""Which rows change places so that rules on a row's own links hold: who pays is not who is paid?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.errors import SpecError
from veridical.core.schema import ForeignKey, Schema
from veridical.prepare.codec import whole
from veridical.prepare.violation import RowRule, row_rules

ROUNDS = 30
Mask = NDArray[np.bool_]


def swapped(tables: Mapping[str, pa.Table], schema: Schema, rng: np.random.Generator) -> dict[str, pa.Table]:
    """Return the tables with links swapped between rows of a table until its rules on them hold.

    Every parent keeps its number of children. What swapping cannot mend stays as it is.
    """
    found = dict(tables)
    for own in schema.tables:
        links = [link for link in schema.foreign_keys if link.table == own.name]
        linked = {name for link in links for name in link.columns}
        rules = [rule for rule in row_rules(own) if linked & set(rule.expression.columns)]
        taken = {name for rule in own.constraints if rule.type == "at_most_one" for name in rule.columns}
        free = [link for link in links if _is_free(link, links, {*own.primary_key})]
        # Rows that are one too many of a kind after that are turned to another kind.
        free.sort(key=lambda link: bool(taken & set(link.columns)))
        for rule in rules if own.name in found else ():
            link = next((link for link in free if set(link.columns) & set(rule.expression.columns)), None)
            if link is not None:
                found[own.name] = _swap(found[own.name], rules, rule, link, rng)
    return found


def _is_free(link: ForeignKey, links: list[ForeignKey], taken: set[str]) -> bool:
    others = {name for other in links if other != link for name in other.columns}
    return not set(link.columns) & (others | taken)


def _swap(rows: pa.Table, rules: list[RowRule], rule: RowRule, link: ForeignKey, rng: np.random.Generator) -> pa.Table:
    for _ in range(ROUNDS):
        wrong = np.flatnonzero(_broken(rule, rows))
        if not len(wrong) or rows.num_rows < 2:
            break
        partner = rng.choice(rows.num_rows, len(wrong), replace=False)
        alone = ~np.isin(partner, wrong)
        wrong, partner = wrong[alone], partner[alone]
        before = _any_broken(rules, rows)
        moved = _exchanged(rows, link, wrong, partner)
        after = _any_broken(rules, moved)
        # Only pairs of which neither is worse off change places.
        kept = ~after[wrong] & (~after[partner] | before[partner])
        rows = _exchanged(rows, link, wrong[kept], partner[kept])
    return rows


def _exchanged(rows: pa.Table, link: ForeignKey, one: NDArray[np.intp], two: NDArray[np.intp]) -> pa.Table:
    order = np.arange(rows.num_rows)
    order[one], order[two] = two, one
    for name in link.columns:
        place = rows.column_names.index(name)
        rows = rows.set_column(place, rows.schema.field(name), whole(rows[name]).take(pa.array(order)))
    return rows


def _any_broken(rules: list[RowRule], rows: pa.Table) -> Mask:
    found = np.zeros(rows.num_rows, dtype=bool)
    for rule in rules:
        found |= _broken(rule, rows)
    return found


def _broken(rule: RowRule, rows: pa.Table) -> Mask:
    try:
        return rule.broken(rows)
    except SpecError:
        return np.zeros(rows.num_rows, dtype=bool)
