"""Can a model tell synthetic rows from real ones once it sees their parents, or parents with their children?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import pyarrow as pa

from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.finding import Finding
from veridical.core.schema import Schema
from veridical.measures.fidelity.c2st import TwoSample
from veridical.measures.linked.moment import BLOCK, in_blocks, moment_of
from veridical.measures.linked.side import (
    Common,
    Flat,
    as_evidence,
    common_of,
    entity_path,
    few_parents,
    joined,
    one_of_each,
    real_of,
    sides_of,
    summed_up,
    with_children,
    with_parents,
)
from veridical.prepare.link import Rows

Flatten = Callable[[Dataset, Schema, str, Common], Flat]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedTwoSample:
    """Classifier two-sample tests on tables made of several.

    `linked.joined` sees rows, one of each entity, with their parents and those above; `linked.aggregated` (C2ST-Agg)
    sees each parent with the number of its children, how many different categories they have, and their means. Parents
    too few to learn from (see `few_parents`) tell their children nothing. Rows of few long series (hours of weather)
    are split by parts of their time: a row is known by the rows beside it, whoever made them.

    Example:
        >>> LinkedTwoSample().test.folds
        3
    """

    test: TwoSample = field(default_factory=TwoSample)

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `linked.joined` of each table with parents, `linked.aggregated` of each with children."""
        found: list[Finding] = []
        few = few_parents(sides_of(evidence), evidence.schema)
        for table in with_parents(evidence.schema):
            found += self._told(evidence, table, partial(joined, without=few), "linked.joined", ctx)
        for table in with_children(evidence.schema):
            found += self._told(evidence, table, summed_up, "linked.aggregated", ctx)
        return found

    def _told(self, evidence: Evidence, table: str, flatten: Flatten, check: str, ctx: RunContext) -> list[Finding]:
        common = common_of(real_of(evidence), evidence.schema)
        datasets = sides_of(evidence)
        sides = {side: flatten(data, evidence.schema, table, common) for side, data in datasets.items()}
        path = entity_path(evidence.train, evidence.schema, table)
        if flatten is not summed_up:
            rng = ctx.rng("linked", "joined", table)
            sides = {side: _some(flat, one_of_each(datasets[side], table, path, rng)) for side, flat in sides.items()}
        if evidence.holdout is not None and evidence.holdout.tables[table] is evidence.train.tables[table]:
            # A table that stands whole on both sides is its own holdout: only half of each side is compared.
            del sides["holdout"]
        test = self.test
        when = moment_of(evidence.train, evidence.schema, table, () if flatten is summed_up else path)
        if when is not None and all(when in side.rows.column_names for side in sides.values()):
            sides, test = in_blocks(sides, when), replace(test, split_by=BLOCK)
        flat = as_evidence(sides, table, evidence.schema.rare_below)
        if not flat.schema.only.columns:
            return []
        return [replace(one, check=check, scope=(table,)) for one in test.area(flat, ctx)]


def _some(flat: Flat, rows: Rows) -> Flat:
    return Flat(flat.rows.take(pa.array(rows)), flat.columns)
