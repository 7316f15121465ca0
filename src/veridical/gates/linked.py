"""Which gates do linked tables have to pass?"""

from __future__ import annotations

from veridical.gates.catalog import built_in
from veridical.spec.gates import GateSet

_INSTEAD = {"share": "linked", "train": "linked", "test-data": "linked-test-data"}


def for_linked(gates: GateSet) -> GateSet:
    """Return the gates for several tables: those that ship for one table have a counterpart, others stay.

    Example:
        >>> for_linked(built_in("share")).name
        'linked'
    """
    return built_in(_INSTEAD[gates.name]) if gates.name in _INSTEAD else gates
