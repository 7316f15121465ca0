"""How was a release made, which bytes belong to it, and is all of it still so?

The manifest is an in-toto Statement v1 whose subjects are all files of the release, in a signed DSSE envelope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veridical.core import digest
from veridical.core.errors import ArtifactError
from veridical.store.envelope import open_signed, sign
from veridical.store.keys import KeyRing, PublicKey, SigningKey
from veridical.store.runfolder import write_bytes

MANIFEST = "manifest.dsse.json"
SIGNER = "signer.pub"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:veridical:release:v1"
_RESTORE = "fetch the folder again from its maker"


@dataclass(frozen=True, slots=True)
class Verified:
    """A release whose signature and every byte were found right."""

    folder: Path
    predicate: Mapping[str, Any]
    files: Mapping[str, str]  # relative path -> SHA-256 in hex
    key_id: str


def write_manifest(folder: Path, predicate: Mapping[str, Any], key: SigningKey) -> Path:
    """Write the signer's public key and the signed manifest over every file now in the folder.

    Example:
        >>> import tempfile
        >>> folder, ring = Path(tempfile.mkdtemp()), KeyRing(Path(tempfile.mkdtemp()))
        >>> _ = (folder / "data.csv").write_text("a\\n1\\n")
        >>> _ = write_manifest(folder, {"method": "rules"}, ring.signing_key())
        >>> verify(folder, ring.trusted()).predicate["method"]
        'rules'
    """
    (folder / SIGNER).write_bytes(key.public.pem)
    subjects = [{"name": name, "digest": {"sha256": digest.of_file(folder / name)}} for name in sorted(_files(folder))]
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": dict(predicate),
    }
    write_bytes(folder / MANIFEST, sign(statement, key))
    return folder / MANIFEST


def verify(folder: Path, trusted: Mapping[str, PublicKey] | None = None) -> Verified:
    """Return the manifest of a release after its signature and every byte were checked.

    Raises:
        ArtifactError: a byte or file was changed, added or taken away, the manifest was edited, or the key that
            signed it is not trusted (`trusted` of None: the keys of this user's ring).
    """
    path = folder / MANIFEST
    try:
        envelope = path.read_bytes()
    except OSError as absent:
        raise ArtifactError(
            "there is no manifest here", where=str(path), fix="give the folder of a release"
        ) from absent
    keys = KeyRing.default().trusted() if trusted is None else trusted
    opened = open_signed(envelope, keys, where=str(path))
    files = _subjects(opened.payload, str(path))
    _check_files(folder, files)
    return Verified(folder, opened.payload["predicate"], files, opened.key_id)


def release_folder(folder: Path) -> Path:
    """Return the release in a run's folder, or the folder itself when it is one."""
    inner = folder / "release"
    return inner if inner.is_dir() and not (folder / MANIFEST).exists() else folder


def _check_files(folder: Path, files: Mapping[str, str]) -> None:
    present = _files(folder)
    problems = [f"{name} is missing" for name in sorted(set(files) - present)]
    problems += [f"{name} was added" for name in sorted(present - set(files))]
    kept = sorted(set(files) & present)
    problems += [f"{name} has been changed" for name in kept if digest.of_file(folder / name) != files[name]]
    if problems:
        raise ArtifactError(f"not as it was signed: {'; '.join(problems)}", where=str(folder), fix=_RESTORE)


def _subjects(statement: Mapping[str, Any], where: str) -> dict[str, str]:
    # Signed by a trusted key, yet perhaps by another tool or for another purpose.
    kinds = (statement.get("_type"), statement.get("predicateType"))
    if kinds != (STATEMENT_TYPE, PREDICATE_TYPE) or not isinstance(statement.get("predicate"), dict):
        raise ArtifactError("the signed statement is not a veridical manifest", where=where, fix=_RESTORE)
    return {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}


def _files(folder: Path) -> set[str]:
    """Return all files below a folder; links count as files, so that an added one is seen."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {path.relative_to(folder).as_posix() for path in found if path != folder / MANIFEST}
