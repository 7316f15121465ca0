"""How are rows drawn until every one satisfies the constraints and the condition, without a loop that may never end?

Rows that break a rule are drawn again as a whole, which is the model's own distribution given the rules (rejection
sampling), up to a stated number of candidates. Then accepted rows are used again: their values in the columns the
rules read are kept, the other columns are drawn anew (importance resampling). When none was accepted, values of
those columns are put together from different candidates. When that finds nothing either, the rule is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from veridical.core.contracts import Allowed, Sampler
from veridical.core.errors import ConstraintError
from veridical.core.schema import Role
from veridical.engines.tabular.condition import Condition, impossible
from veridical.prepare import Restore
from veridical.prepare.storage import store
from veridical.prepare.violation import RowRule

MOST_ROUNDS = 12
MOST_CANDIDATES = 200_000  # or 20 for each row asked, where that is more
BATCH = 65_536
SHUFFLES = 20
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Known:
    """What is given for each row: columns handed to the sampler, and final cells that are kept as they are."""

    given: pa.Table | None = None
    cells: pa.Table | None = None

    def take(self, rows: NDArray[np.int64]) -> Known:
        """Return what is known of some rows."""
        places = pa.array(rows)
        return Known(*(None if table is None else table.take(places) for table in (self.given, self.cells)))

    @property
    def anything(self) -> bool:
        """Say whether rows differ from each other before anything is drawn."""
        return self.given is not None or self.cells is not None


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes finished rows that keep the rules; `key` is the request's seed, `start_row` the shard's first row."""

    restore: Restore
    sampler: Sampler
    rules: Sequence[RowRule]
    key: int = 0
    start_row: int = 0
    total_rows: int = 0
    fill: Sequence[str] = field(default=())  # modelled columns that must not come out null

    def rows(self, count: int, rng: np.random.Generator, condition: Condition, known: Known) -> pa.Table:
        """Return `count` finished rows that satisfy the condition and break no rule.

        Raises:
            SpecError: no row can satisfy the condition.
            ConstraintError: no row can keep the rules.
        """
        first = self.draw(count, rng, condition, known)
        broken = self.broken(first, condition)
        if not broken.any():
            return first
        if known.anything:
            return self._again_each(first, broken, rng, condition, known)
        first, broken = self._around_earlier(first, broken, rng, condition)
        return self._again(first, broken, rng, condition) if broken.any() else first

    def draw(self, count: int, rng: np.random.Generator, condition: Condition, known: Known) -> pa.Table:
        """Return `count` finished rows, not yet checked."""
        limits = dict(condition.modelled)
        for name in self.fill:
            limits.setdefault(name, Allowed())
        given = set() if known.given is None else set(known.given.column_names)
        allowed = {name: limit for name, limit in limits.items() if name not in given}
        if self.sampler.columns:
            drawn = self.sampler.draw(count, rng, given=known.given, allowed=allowed or None)
        else:
            drawn = pa.table({"": pa.nulls(count)}).select([])
        table = self.restore.apply(
            drawn,
            rng,
            rows=count,
            start_row=self.start_row,
            total_rows=self.total_rows,
            key=self.key,
            context=known.cells,
        )
        return _with_chosen(table, condition, self.restore, rng)

    def broken(self, table: pa.Table, condition: Condition) -> Mask:
        """Say for each row whether it breaks a rule or the condition."""
        found = condition.broken(table)
        for rule in self.rules:
            found |= rule.broken(table)
        return found

    def _again(self, first: pa.Table, broken: Mask, rng: np.random.Generator, condition: Condition) -> pa.Table:
        tables, source = [first], np.arange(len(broken))
        missing = np.flatnonzero(broken)
        share = max(1 - broken.mean(), 1e-3)
        tried, offset = len(broken), len(broken)
        for _ in range(MOST_ROUNDS):
            if not len(missing) or tried >= max(MOST_CANDIDATES, 20 * len(broken)):
                break
            count = int(np.clip(1.2 * len(missing) / share + 16, 64, BATCH))
            table = self.draw(count, rng, condition, Known())
            good = np.flatnonzero(~self.broken(table, condition))
            source[missing[: len(good)]] = offset + good[: len(missing)]
            missing = missing[len(good) :]
            tables.append(table)
            tried, offset = tried + count, offset + count
            share = max(len(good) / count, share / 8, 1e-4)
        whole = pa.concat_tables(tables)
        if len(missing):
            accepted = whole.take(pa.array(np.flatnonzero(~self.broken(whole, condition))))
            more = self._built(len(missing), accepted, whole, rng, condition)
            source[missing] = whole.num_rows + np.arange(len(missing))
            whole = pa.concat_tables([whole, more])
        return whole.take(pa.array(source)).combine_chunks()

    def _built(
        self, count: int, accepted: pa.Table, seen: pa.Table, rng: np.random.Generator, condition: Condition
    ) -> pa.Table:
        """Return rows built around values of accepted rows, or of rows put together from several."""
        names = self._read(condition)
        if not accepted.num_rows:
            accepted = self._shuffled(seen, names, rng, condition)
        picked = accepted.take(pa.array(rng.integers(accepted.num_rows, size=count)))
        cells = picked.select([name for name in names if name in picked.column_names])
        given = self.restore.encode(cells, names)
        around = Known(given if given.num_columns else None, cells)
        table = self.draw(count, rng, condition, around)
        broken = self.broken(table, condition)
        # Where the rest does not go with the values kept, the accepted row itself is used.
        source = np.where(broken, count, 0) + np.arange(count)
        return pa.concat_tables([table, picked]).take(pa.array(source))

    def _shuffled(
        self, seen: pa.Table, names: Sequence[str], rng: np.random.Generator, condition: Condition
    ) -> pa.Table:
        for _ in range(SHUFFLES):
            mixed = seen
            for name in names:
                order = pa.array(rng.permutation(seen.num_rows))
                mixed = mixed.set_column(mixed.column_names.index(name), name, seen[name].take(order))
            good = np.flatnonzero(~self.broken(mixed, condition))
            if len(good):
                return mixed.take(pa.array(good))
        raise self._refusal(seen, condition)

    def _around_earlier(
        self, first: pa.Table, broken: Mask, rng: np.random.Generator, condition: Condition
    ) -> tuple[pa.Table, Mask]:
        """Draw broken rows again around what was drawn of each before any column of a rule it breaks.

        Rows are drawn column after column: a rule that rows of one kind break most would thin this kind out if whole
        rows were drawn again.
        """
        order = list(getattr(self.sampler, "order", ()))
        if not order or condition.broken(first).any():
            return first, broken
        soonest = np.full(len(broken), len(order))
        for rule in self.rules:
            read = self.restore.learned_with_values(sorted(rule.expression.columns))
            place = min((order.index(name) for name in read if name in order), default=0)
            soonest = np.where(rule.broken(first), np.minimum(soonest, place), soonest)
        for place in np.unique(soonest[broken]).tolist():
            names = self._determined(frozenset(order[:place]))
            some = broken & (soonest == place)
            if names:
                cells = first.select(names)
                known = Known(self.restore.encode(cells, names), cells)
                first, missing = self._tried(first, some, rng, condition, known)
                broken = broken & ~some
                broken[missing] = True
        return first, broken

    def _determined(self, early: frozenset[str]) -> list[str]:
        """Return the finished columns that rest on these modelled ones alone."""
        names: list[str] = []
        for codec in self.restore.codecs:
            behind = [column.name for column in codec.modelled if column.role is Role.MODEL]
            if behind and early.issuperset(behind):
                names += codec.names
        return names

    def _again_each(
        self, first: pa.Table, broken: Mask, rng: np.random.Generator, condition: Condition, known: Known
    ) -> pa.Table:
        """Draw rows again that each have their own known cells.

        Raises:
            SpecError: the cells of some row leave nothing that satisfies the condition.
        """
        result, missing = self._tried(first, broken, rng, condition, known)
        if len(missing) and condition.broken(result).any():
            raise impossible(condition.text, f"{len(missing)} of the given rows cannot be completed so")
        # A rule that the given cells themselves break is left broken: given cells are never changed.
        return result

    def _tried(
        self, first: pa.Table, broken: Mask, rng: np.random.Generator, condition: Condition, known: Known
    ) -> tuple[pa.Table, NDArray[np.int64]]:
        """Draw broken rows around their known cells, a growing number of tries each; return those still broken too."""
        tables, source, offset = [first], np.arange(len(broken)), len(broken)
        missing, tries = np.flatnonzero(broken), 1
        while len(missing) and tries <= 256:
            for part in np.array_split(missing, max(1, len(missing) * tries // BATCH)):
                table = self.draw(len(part) * tries, rng, condition, known.take(np.repeat(part, tries)))
                good = ~self.broken(table, condition).reshape(len(part), tries)
                found = good.any(axis=1)
                source[part[found]] = offset + np.flatnonzero(found) * tries + good.argmax(axis=1)[found]
                tables.append(table)
                offset += table.num_rows
                missing = np.setdiff1d(missing, part[found], assume_unique=True)
            tries *= 4
        return pa.concat_tables(tables).take(pa.array(source)).combine_chunks(), missing

    def _read(self, condition: Condition) -> list[str]:
        names = dict.fromkeys(name for rule in self.rules for name in rule.expression.columns)
        names |= dict.fromkeys(condition.whole.columns if condition.whole is not None else ())
        return list(names)

    def _refusal(self, seen: pa.Table, condition: Condition) -> Exception:
        if condition.broken(seen).all():
            return impossible(condition.text, "it holds for nothing the model can draw")
        worst = [rule.constraint for rule in self.rules if rule.broken(seen).mean() > 0.5]
        named = "; ".join(f"{rule.type} {', '.join(rule.columns) or rule.when}" for rule in worst) or "all together"
        what = "no row that keeps the constraints could be found"
        return ConstraintError(what, where=named, fix="check that they hold in the real data, or drop one")


def _with_chosen(table: pa.Table, condition: Condition, restore: Restore, rng: np.random.Generator) -> pa.Table:
    """Put the values asked for into made-up columns, which no sampler draws."""
    for name, allowed in condition.chosen.items():
        if allowed.values is None:
            continue
        storage = restore.schema.column(name).storage
        values: list[object] = [str(value) for value in allowed.values] + ([None] if allowed.nulls else [])
        picked = pa.array(values, pa.string()).take(pa.array(rng.integers(len(values), size=table.num_rows)))
        table = table.set_column(table.column_names.index(name), name, store(picked, storage))
    return table
