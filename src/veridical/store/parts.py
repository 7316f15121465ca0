"""Which shards are finished already, and are their files still whole?

A part is written beside its name, moved there, and only then marked with its SHA-256; a mark without its part, or a
part that differs, counts as not done. Parts of another request, model or version are thrown away.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veridical.core import digest
from veridical.core.errors import SpecError
from veridical.store.runfolder import write_json

_PLAN = "plan.json"


@dataclass(frozen=True, slots=True)
class Parts:
    """The folder of finished shards of one request.

    Example:
        >>> import tempfile
        >>> parts = Parts(Path(tempfile.mkdtemp()))
        >>> _ = parts.file(3, "data").write_bytes(b"rows")
        >>> parts.mark(3, ["data"], rows=10)
        >>> parts.finished(3)["rows"]
        10
    """

    folder: Path

    def file(self, index: int, table: str) -> Path:
        """Return where one table's rows of one shard lie."""
        return self.folder / f"part-{index:07d}.{digest.of_bytes(table.encode())[:12]}"

    def mark(self, index: int, tables: list[str], *, rows: int) -> None:
        """Say that a shard is finished."""
        digests = {table: digest.of_file(self.file(index, table)) for table in tables}
        write_json(self._mark(index), {"tables": digests, "rows": rows})

    def finished(self, index: int) -> dict[str, Any] | None:
        """Return a shard's mark when it and all its files are whole, else None."""
        try:
            mark = json.loads(self._mark(index).read_bytes())
            whole = all(digest.of_file(self.file(index, table)) == sha for table, sha in mark["tables"].items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return dict(mark) if whole else None

    def _mark(self, index: int) -> Path:
        return self.folder / f"part-{index:07d}.json"


@contextmanager
def open_parts(folder: Path, identity: Mapping[str, Any]) -> Iterator[Parts]:
    """Open the parts of one request; they go when the block ends well, and stay for the next try when it does not.

    Raises:
        SpecError: another process is writing there now, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise SpecError(
            f"cannot be written: {wrong.strerror}", where=str(folder), fix="choose another place"
        ) from wrong
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as taken:
            fix = "wait for it, or write elsewhere"
            raise SpecError("another process is writing here", where=str(folder.parent), fix=fix) from taken
        _forget_others(folder, digest.of_json(identity))
        yield Parts(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _forget_others(folder: Path, identity: str) -> None:
    try:
        known = json.loads((folder / _PLAN).read_bytes())["identity"]
    except (OSError, ValueError, KeyError, TypeError):
        known = None
    if known == identity:
        return
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != ".lock":
            path.unlink()
    write_json(folder / _PLAN, {"identity": identity})
