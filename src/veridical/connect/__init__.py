"""Where does data come from and go to?"""

from veridical.connect.dataframe import to_native
from veridical.connect.sink import write
from veridical.connect.source import read, scan

__all__ = ["read", "scan", "to_native", "write"]
