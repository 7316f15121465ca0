"""How is a database read and written: its rows, and all that it declares?"""

from veridical.connect.database.address import is_url
from veridical.connect.database.reading import Database, read, read_structure, snapshot
from veridical.connect.database.structure import Structure
from veridical.connect.database.writing import Written, fill, write

__all__ = ["Database", "Structure", "Written", "fill", "is_url", "read", "read_structure", "snapshot", "write"]
