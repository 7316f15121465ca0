"""How large, how mixed and how typical are the groups that an outsider can tell apart in what is released?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from veridical.attacks.evidence import TableEvidence, encode, tables_of, unmeasured
from veridical.attacks.level import guessed_keys, levels_of, positions
from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Direction, Finding

K, L, T = "privacy.k_anonymity", "privacy.l_diversity", "privacy.t_closeness"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anonymity:
    """k-anonymity, l-diversity and t-closeness of the released rows, for given or guessed keys.

    Synthetic rows are nobody's, so these describe the release rather than a risk; some reviewers ask for them. t is
    the total variation distance between a group's secret and everyone's.
    Sources: Sweeney 2002; Machanavajjhala et al. 2007; Li et al. 2007.

    Example:
        >>> Anonymity(keys=("age", "sex")).secret
        ''
    """

    keys: tuple[str, ...] = ()
    secret: str = ""

    def run(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `privacy.k_anonymity`, `privacy.l_diversity` and `privacy.t_closeness` of each table.

        Raises:
            SchemaError: a named column is not among those compared.
        """
        del ctx
        found: list[Finding] = []
        for table in tables_of(evidence, empty_holdout=True):
            found += self._table(table)
        return found or unmeasured((K, L, T), "no table is in all data sets")

    def _table(self, table: TableEvidence) -> list[Finding]:
        if not table.columns or min(table.synthetic.num_rows, table.train.num_rows) == 0:
            return unmeasured((K, L, T), "there are no rows, or no column to group them by", table.scope)
        codes = encode(table)
        levels = levels_of(table, codes)
        keys = self.keys if self.keys else guessed_keys(table.schema, codes.names, levels)
        rest = [name for name in codes.names if name not in keys]
        target = table.schema.target
        secret = self.secret if self.secret else (target if target in rest else (rest[-1] if rest else ""))
        if not keys or not secret:
            return unmeasured((K, L, T), "there are no keys, or no secret beside them", table.scope)
        combined = levels.combined(positions(codes.names, keys, K))
        told = levels.cells[positions(codes.names, (secret,), K)[0]]
        released, real = (_Groups.of(combined[side], told[side]) for side in (codes.synthetic, codes.train))
        scope = (*table.scope, *keys)
        return [
            _finding(K, scope, Direction.HIGHER, released, real, "smallest", "The smallest group an outsider can tell "
                     "apart by the keys has {:.0f} synthetic rows; among the real rows learned from it has {:.0f}."),
            _finding(L, (*scope, secret), Direction.HIGHER, released, real, "least_secrets", "The least mixed group "
                     "holds {:.0f} different secrets; among the real rows learned from {:.0f}."),
            _finding(T, (*scope, secret), Direction.LOWER, released, real, "farthest", "The least typical group's "
                     "secret differs from everyone's by {:.2f} (0 to 1); among the real rows learned from by {:.2f}."),
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Groups:
    rows: int
    groups: int
    smallest: float
    share_below_five: float
    least_secrets: float
    farthest: float

    @classmethod
    def of(cls, combined: NDArray[np.int64], told: NDArray[np.int64]) -> _Groups:
        """Return what is said of the groups of one table."""
        group, secret = (np.unique(values, return_inverse=True)[1] for values in (combined, told))
        sizes = np.bincount(group)
        wide = int(secret.max()) + 1
        cell, counts = np.unique(group * wide + secret, return_counts=True)
        overall = np.bincount(secret) / secret.size
        owner, which = cell // wide, cell % wide
        share = counts / sizes[owner]
        # Total variation: what the group has too much of, summed over the secrets it has.
        farther = np.bincount(owner, weights=np.maximum(share - overall[which], 0), minlength=sizes.size)
        return cls(
            rows=group.size,
            groups=sizes.size,
            smallest=float(sizes.min()),
            share_below_five=float(sizes[sizes < 5].sum() / group.size),
            least_secrets=float(np.bincount(owner, minlength=sizes.size).min()),
            farthest=float(farther.max()),
        )


def _finding(
    check: str, scope: tuple[str, ...], direction: Direction, released: _Groups, real: _Groups, what: str, sentence: str
) -> Finding:
    value, same = float(getattr(released, what)), float(getattr(real, what))
    return Finding(
        check=check,
        scope=scope,
        value=value,
        n=released.rows,
        direction=direction,
        ceiling=same,
        sentence=sentence.format(value, same),
        detail={"groups": released.groups, "share_of_rows_in_groups_below_5": released.share_below_five},
    )
