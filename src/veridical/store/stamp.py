"""Was this folder sealed by us, on this machine, and not by somebody's editor?

A seal's digests can be made again by whoever edits a file; a stamp is the seal's fingerprint signed with the own key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from veridical.core.errors import ArtifactError
from veridical.store.artifact import open_sealed, seal
from veridical.store.envelope import open_signed, sign
from veridical.store.keys import KeyRing
from veridical.store.runfolder import write_bytes


def stamp(folder: Path, kind: str, basis: Mapping[str, Any], ring: KeyRing) -> None:
    """Seal a folder and sign the seal, together with what it rests on, into `<folder>.stamp.json` beside it.

    Example:
        >>> import tempfile
        >>> folder, ring = Path(tempfile.mkdtemp()) / "validate", KeyRing(Path(tempfile.mkdtemp()))
        >>> folder.mkdir()
        >>> stamp(folder, "example", {"data": "abc"}, ring)
        >>> open_stamped(folder, "example", ring)
        {'data': 'abc'}
    """
    sealed = seal(folder, kind, 1)
    statement = {"kind": kind, "fingerprint": sealed.fingerprint, "basis": dict(basis)}
    write_bytes(_place(folder), sign(statement, ring.signing_key()))


def open_stamped(folder: Path, kind: str, ring: KeyRing) -> Mapping[str, Any]:
    """Return what a stamped folder rests on, after the folder and its stamp were found untouched.

    Raises:
        ArtifactError: a file or the stamp was edited, is missing, or was stamped with a key that is not trusted.
    """
    sealed = open_sealed(folder, kind)
    place = _place(folder)
    try:
        envelope = place.read_bytes()
    except OSError as absent:
        raise ArtifactError("the stamp is missing", where=str(place), fix=f"make the {kind} again") from absent
    payload = open_signed(envelope, ring.trusted(), where=str(place)).payload
    if payload.get("kind") != kind or payload.get("fingerprint") != sealed.fingerprint:
        raise ArtifactError(
            f"the {kind} has been edited since it was made", where=str(folder), fix=f"make the {kind} again"
        )
    basis: Mapping[str, Any] = payload["basis"]
    return basis


def _place(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.stamp.json")
