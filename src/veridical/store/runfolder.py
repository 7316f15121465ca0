"""Where does each stage of a run put its files, so that nothing half-written is ever found?"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from veridical.core.errors import DataError

STAGES = ("learn", "source", "model", "synthesize", "validate", "release")


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The folder of one run: a folder per stage inside, each written whole or not at all.

    Example:
        >>> RunFolder(Path("out")).stage("model").as_posix()
        'out/model'
    """

    path: Path

    def stage(self, name: str) -> Path:
        """Return the folder of one stage.

        Raises:
            ValueError: there is no such stage.
        """
        if name not in STAGES:
            raise ValueError(f"no stage {name!r}")
        return self.path / name

    def has(self, name: str) -> bool:
        """Whether a stage has been finished here."""
        return self.stage(name).is_dir()


def make_folder(path: Path) -> Path:
    """Make a folder, and those around it, unless it is there; return it.

    Raises:
        DataError: a file is in the way, or the place cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        fix = "choose a folder that can be written"
        raise DataError(f"no folder can be made here: {wrong.strerror}", where=str(path), fix=fix) from wrong
    return path


@contextmanager
def writing_file(path: Path, *, through: Path | None = None) -> Iterator[IO[bytes]]:
    """Open a temporary file and move it to `path` when the block ends well: temp, fsync, rename.

    The temporary lies in the folder `through`, on the same file system; beside `path` when none is named.

    Raises:
        DataError: the place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=through or path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as wrong:
        raise DataError(f"cannot be written: {wrong.strerror}", where=str(path), fix="choose another place") from wrong
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp's 0600 is for secrets, not for data to be handed on
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing_folder(path: Path, *, through: Path | None = None) -> Iterator[Path]:
    """Give an empty folder that takes the place of `path` when the block ends well.

    What stood at `path` before stays until then, and stays for good when the block fails. The temporary lies in
    the folder `through`, on the same file system; beside `path` when none is named.

    Raises:
        DataError: the place cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=through or path.parent, prefix=f".{path.name}.", suffix=".part"))
    except OSError as wrong:
        raise DataError(f"cannot be written: {wrong.strerror}", where=str(path), fix="choose another place") from wrong
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        _sync_files(temporary)
        replace_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(new: Path, path: Path) -> None:
    """Put the folder `new` at `path`; an older folder there is moved aside first and removed after."""
    old = path.parent / f".{path.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    new.rename(path)
    sync_folder(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with writing_file(path) as file:
        file.write(content)


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON whole or not at all."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def sync_folder(path: Path) -> None:
    """Make a rename in a folder last through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_files(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        elif path.is_dir():
            sync_folder(path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
