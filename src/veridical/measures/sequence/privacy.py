"""Does any entity's own course shine through, with the entity as the unit of privacy?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

from veridical.core import rng as streams
from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding, not_measured
from veridical.measures.estimate import Estimate, midranks, share
from veridical.measures.figure import figure
from veridical.measures.sequence.side import Floats, Side, Sides, sides_of
from veridical.measures.sequence.telling import summaries

COPIES, NEARNESS = "privacy.entity_copies", "privacy.entity_dcr_share"
STRETCH = 4  # rows in a row that, all equal, are no accident where rows are rich
LEAST_ENTITIES = 20
NO_HOLDOUT = "no holdout was kept back, so there is nothing to hold this figure against"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityPrivacy:
    """Copied courses, and nearness to the closest learned entity against that to the closest unseen one.

    A course is copied when a stretch of `stretch` rows, all moving values equal, comes out again; the control is how
    often a stretch of unseen entities does. Nearness compares summaries of entities (level, spread, ends, changes,
    attributes), in ranks: the share nearer to a learned entity than to an unseen one, of equally many of both.

    Example:
        >>> EntityPrivacy().stretch
        4
    """

    stretch: int = STRETCH
    rounds: int = 20

    def run(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `privacy.entity_copies` and `privacy.entity_dcr_share`; nothing where rows are no sequences."""
        if not any(table.is_sequence for table in evidence.schema.tables):
            return ()
        if evidence.holdout is None:
            return [not_measured(check, NO_HOLDOUT) for check in (COPIES, NEARNESS)]
        sides = sides_of(evidence)
        if sides is None or sides.holdout is None:
            return ()
        seed = streams.derive(ctx.seed, "sequence", "privacy")
        return [self._copies(sides, sides.holdout, seed), self._nearness(sides, sides.holdout, seed)]

    def _copies(self, sides: Sides, holdout: Side, seed: int) -> Finding:
        names = list(sides.train.moving)
        if not names:
            return not_measured(COPIES, "nothing changes from row to row")
        kept = [stretches(side, names, self.stretch) for side in (sides.synthetic, sides.train, holdout)]
        made, learned, unseen = kept
        rng = np.random.default_rng(seed)
        size = min(len(learned.keys), len(unseen.keys))
        if size == 0:
            return not_measured(COPIES, f"no entity has {self.stretch} rows in a row")
        found = np.isin(made.keys, learned.keys)
        # Against as many learned stretches as there are unseen ones.
        fair = np.isin(made.keys, rng.permutation(learned.keys)[:size])
        control = np.isin(made.keys, rng.permutation(unseen.keys)[:size])
        blocks = int(sides.synthetic.block.max(initial=-1)) + 1
        hit, ours, real = (len(np.unique(made.block[mask])) for mask in (found, fair, control))
        estimate = share(hit, blocks)
        said = (
            f"{hit:,} of {blocks:,} synthetic sequences hold {self.stretch} rows in a row exactly as a learned one has "
            f"them; with as many unseen sequences to match, {real:,} do."
        )
        return figure(COPIES, estimate, said, direction=Direction.CEILING,
                      ceiling=Estimate(real / max(blocks, 1) + max(0, hit - ours) / max(blocks, 1), 0.0, blocks),
                      p_value=_surplus(ours, real), interval_by="Agresti-Coull, 95 %")  # fmt: skip

    def _nearness(self, sides: Sides, holdout: Side, seed: int) -> Finding:
        shown = [summaries(side) for side in (sides.synthetic, sides.train, holdout)]
        size = min(len(shown[1]), len(shown[2]))
        if size < LEAST_ENTITIES or len(shown[0]) < LEAST_ENTITIES:
            return not_measured(NEARNESS, f"{size} entities on one side; {LEAST_ENTITIES} are needed", n=size)
        if sides.train.layout.entities < 10:
            return not_measured(NEARNESS, "few series are split by time: what is kept back is no stranger to the rest")
        made, learned, unseen = _ranked(shown)
        rng = np.random.default_rng(seed)
        nearer = np.zeros(len(made))
        to_unseen = nearest(made, unseen)
        for _ in range(self.rounds):
            to_learned = nearest(made, learned[rng.permutation(len(learned))[:size]])
            nearer += np.where(to_learned == to_unseen, 0.5, to_learned < to_unseen)
        each = nearer / self.rounds
        value = float(each.mean())
        # Unseen entities are few: their own draw moves the share as much as the synthetic ones' does.
        error = float(np.sqrt(each.var() / len(each) + 0.25 / size))
        estimate = Estimate(value, error, len(made))
        said = (
            f"{value:.1%} of synthetic entities lie nearer to a learned entity than to an unseen one, of equally many "
            "of both; 50 % is what strangers get."
        )
        p_value = 0.5 * erfc((value - 0.5) / error / sqrt(2))
        return figure(NEARNESS, estimate, said, direction=Direction.CEILING, ceiling=Estimate(0.5, 0.0, size),
                      p_value=p_value, interval_by="normal, 95 %")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stretches:
    """A number for each stretch of rows of an entity, equal for equal values, and whose it is."""

    keys: NDArray[np.uint64]
    block: NDArray[np.int64]


def stretches(side: Side, names: Sequence[str], length: int) -> Stretches:
    """Return the stretches of a side, but for those in which nothing moves (standing still is no one's secret)."""
    row = np.zeros(side.rows, dtype=np.uint64)
    moves = np.zeros(side.rows, dtype=bool)
    for name in names:
        held = side.moving[name].astype(np.float32)
        bits = np.where(np.isnan(held), np.float32(np.nan), held + np.float32(0)).view(np.uint32).astype(np.uint64)
        row = (row ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        row ^= row >> np.uint64(29)
        moves |= np.concatenate([[False], held[1:] != held[:-1]])
    ends = np.flatnonzero(side.runs.position >= length - 1)
    key = np.zeros(len(ends), dtype=np.uint64)
    lively = np.zeros(len(ends), dtype=np.int64)
    for lag in range(length):
        key = (key ^ row[ends - lag]) * np.uint64(0xC2B2AE3D27D4EB4F)
        key ^= key >> np.uint64(31)
        if lag < length - 1:
            lively += moves[ends - lag]
    kept = lively == length - 1
    return Stretches(key[kept], side.block[ends[kept]])


def nearest(points: Floats, others: Floats) -> Floats:
    """Return each point's distance to the closest of the others (sum over features)."""
    found = np.full(len(points), np.inf)
    for start in range(0, len(points), 256):
        part = points[start : start + 256]
        apart = np.abs(part[:, None, :] - others[None, :, :]).sum(axis=2)
        found[start : start + 256] = apart.min(axis=1)
    return found


def _ranked(shown: Sequence[Floats]) -> list[Floats]:
    """Return summaries as ranks over all sides (0 to 1), so that no unit weighs more than another."""
    sizes = np.cumsum([len(part) for part in shown])[:-1]
    whole = np.concatenate(shown)[:4_000_000]
    columns = []
    for values in whole.T:
        known = np.isfinite(values)
        rank = np.full(len(values), 0.5)
        if known.any():
            rank[known] = midranks(values[known]) / max(int(known.sum()), 1)
        columns.append(rank)
    return np.split(np.stack(columns, axis=1), sizes)


def _surplus(ours: int, real: int) -> float:
    """Return the chance of so many more matches with learned than with unseen ones, were both as likely."""
    from scipy.stats import binom

    return float(binom.sf(ours - 1, ours + real, 0.5)) if ours + real else 1.0
