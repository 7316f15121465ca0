"""Is this folder the whole, unchanged thing that a stage sealed?

A sealed folder holds an `index.json` with its kind, its version, and the SHA-256 and size of every other file.
Opening one reads JSON and bytes only, so an untrusted folder cannot run code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from veridical.core import digest
from veridical.core.errors import ArtifactError
from veridical.store.runfolder import write_json

INDEX = "index.json"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A folder whose every file was found as it was sealed."""

    folder: Path
    kind: str
    version: int
    files: Mapping[str, str]  # relative path -> SHA-256 in hex

    @property
    def fingerprint(self) -> str:
        """SHA-256 over kind, version and all files, in hex."""
        return digest.of_json({"kind": self.kind, "version": self.version, "files": dict(self.files)})


def seal(folder: Path, kind: str, version: int) -> Sealed:
    """Write `index.json` over every file now in the folder (sub-folders too).

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.json").write_text("{}")
        >>> seal(folder, "example", 1).files == open_sealed(folder, "example").files
        True
    """
    sizes = {name: (folder / name).stat().st_size for name in _names(folder)}
    files = {name: digest.of_file(folder / name) for name in sizes}
    entries = {name: {"sha256": files[name], "size_bytes": sizes[name]} for name in files}
    sealed = Sealed(folder, kind, version, files)
    content = {"kind": kind, "version": version, "fingerprint": sealed.fingerprint, "files": entries}
    write_json(folder / INDEX, content)
    return sealed


def open_sealed(folder: Path, kind: str, *, versions: tuple[int, ...] = (1,)) -> Sealed:
    """Return the folder's index after every file was found as it was sealed.

    Raises:
        ArtifactError: the folder is absent, of another kind or version, or a file is missing, truncated, edited
            or was not there when it was sealed; the file is named.
    """
    index = _read_index(folder, kind)
    if index["kind"] != kind:
        _refuse(folder, f"holds a {index['kind']!r}, not a {kind!r}", f"give the folder of a {kind}")
    if index["version"] not in versions:
        known = ", ".join(map(str, versions))
        _refuse(folder, f"is of version {index['version']}; this veridical reads {known}", "use the veridical it is of")
    entries: dict[str, Any] = index["files"]
    present = set(_names(folder))
    for name in sorted(set(entries) - present):
        _refuse(folder / name, f"is missing from the {kind}", "restore the folder from where it was made")
    for name in sorted(present - set(entries)):
        _refuse(folder / name, f"was not there when the {kind} was sealed", "remove the file, or make the folder again")
    for name, entry in sorted(entries.items()):
        _check_file(folder / name, entry)
    sealed = Sealed(folder, kind, index["version"], {name: entry["sha256"] for name, entry in entries.items()})
    if sealed.fingerprint != index["fingerprint"]:
        _refuse(folder / INDEX, "has been edited", "restore the folder from where it was made")
    return sealed


def kind_of(folder: Path) -> str | None:
    """Return the kind a sealed folder says it is of, or None where there is no readable index."""
    try:
        kind = json.loads((folder / INDEX).read_bytes())["kind"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return kind if isinstance(kind, str) else None


def _read_index(folder: Path, kind: str) -> dict[str, Any]:
    if not folder.is_dir():
        _refuse(folder, "there is no such folder", f"give the folder of a {kind}")
    try:
        index = json.loads((folder / INDEX).read_bytes())
    except FileNotFoundError:
        _refuse(folder, f"has no {INDEX}: it is not a {kind}, or was cut short", f"give the folder of a {kind}")
    except (OSError, ValueError):
        _refuse(folder / INDEX, "is truncated or edited", "restore the folder from where it was made")
    if not _is_index(index):
        _refuse(folder / INDEX, "is truncated or edited", "restore the folder from where it was made")
    return dict(index)


def _is_index(index: Any) -> bool:
    if not isinstance(index, dict) or not isinstance(index.get("files"), dict):
        return False
    if not isinstance(index.get("kind"), str) or not isinstance(index.get("version"), int):
        return False
    return "fingerprint" in index and all(
        isinstance(entry, dict) and isinstance(entry.get("sha256"), str) and isinstance(entry.get("size_bytes"), int)
        for entry in index["files"].values()
    )


def _check_file(path: Path, entry: Mapping[str, Any]) -> None:
    size_bytes = path.stat().st_size
    if size_bytes < entry["size_bytes"]:
        _refuse(path, "is truncated", "restore the folder from where it was made")
    if size_bytes > entry["size_bytes"] or digest.of_file(path) != entry["sha256"]:
        _refuse(path, "has been edited", "restore the folder from where it was made")


def _names(folder: Path) -> list[str]:
    found: list[str] = []
    for path in folder.rglob("*"):
        if path.is_symlink():
            _refuse(path, "is a link; a sealed folder holds plain files only", "replace the link by the file")
        if path.is_file() and path != folder / INDEX:
            found.append(path.relative_to(folder).as_posix())
    return sorted(found)


def _refuse(place: Path, what: str, fix: str) -> NoReturn:
    raise ArtifactError(what, where=str(place), fix=fix)
