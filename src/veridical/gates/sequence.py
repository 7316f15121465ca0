"""Which gates hold for tables whose rows follow each other?"""

from __future__ import annotations

from dataclasses import replace

from veridical.gates.catalog import SEQUENCE, built_in
from veridical.spec.gates import GateSet

# Each of these takes a row for a person, and a row of a sequence for a stranger to the next one.
BY_ROW = frozenset(
    {"privacy.exact_copies", "privacy.near_copies", "privacy.dcr_share", "privacy.singling_out", "privacy.linkability",
     "privacy.inference", "privacy.membership.density_ratio", "privacy.membership.distance",
     "privacy.membership.density_ratio.tpr_at_1_percent_fpr", "privacy.membership.distance.tpr_at_1_percent_fpr",
     "privacy.rare_combinations", "privacy.rep_u", "input.holdout_overlap", "fidelity.c2st", "fidelity.column_ks",
     "fidelity.column_tvd", "fidelity.pairs", "validity.row_order", "diversity.repeated_rows"}
)  # fmt: skip
ROW_ATTACKS = frozenset(
    {"copies", "distance", "singling-out", "linkability", "inference", "membership", "rare-combinations", "disclosure"}
)


def for_sequences(gates: GateSet) -> GateSet:
    """Return a set that ships with the gates of sequences in place of those that take every row for a person.

    A set from a user's own file says what it means, and is left as it is.

    Example:
        >>> from veridical.gates.catalog import load_gates
        >>> checks = {gate.check for gate in for_sequences(load_gates("share")).gates}
        >>> "sequence.lag_1" in checks, "privacy.membership.distance" in checks
        (True, False)
    """
    if gates.name not in ("share", "train", "test-data"):
        return gates
    kept = tuple(gate for gate in gates.gates if gate.check not in BY_ROW)
    return replace(gates, gates=(*kept, *built_in(SEQUENCE).gates))
