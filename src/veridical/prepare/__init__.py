"""What is modelled, derived or made up; constraints and rare values by construction."""

from veridical.prepare.prepared import Prepared, prepare
from veridical.prepare.restore import Restore
from veridical.prepare.satisfiable import satisfiable
from veridical.prepare.violation import Violation, violations

__all__ = ["Prepared", "Restore", "Violation", "prepare", "satisfiable", "violations"]
