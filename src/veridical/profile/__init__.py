"""What is found in a source?"""

from veridical.profile.agreement import check
from veridical.profile.table import learn_table

__all__ = ["check", "learn_table"]
