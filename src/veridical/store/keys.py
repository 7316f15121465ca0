"""Which key signs here, and whose signatures are trusted?

Keys are Ed25519 (RFC 8032). The private key lies in a file only its owner may read; a key's id is the SHA-256 of its
32 public bytes, in hex. `VERIDICAL_HOME` moves the folder from `~/.config/veridical`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from veridical.core import digest
from veridical.core.errors import ArtifactError, SpecError
from veridical.store.runfolder import write_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_PRIVATE = "signing.key"
_PUBLIC = "signing.pub"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checks signatures."""

    pem: bytes

    @property
    def key_id(self) -> str:
        """SHA-256 of the 32 public bytes, in hex."""
        return digest.of_bytes(self._key().public_bytes_raw())

    def checks(self, signature: bytes, message: bytes) -> bool:
        """Whether this key's owner signed exactly this message."""
        from cryptography.exceptions import InvalidSignature

        try:
            self._key().verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def _key(self) -> Ed25519PublicKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        try:
            key = load_pem_public_key(self.pem)
        except ValueError as wrong:
            raise ArtifactError(
                "not a public key in PEM form", fix="give the file `veridical keys show` names"
            ) from wrong
        if not isinstance(key, Ed25519PublicKey):
            raise ArtifactError("the key is not an Ed25519 key", fix="make one with `veridical keys init`")
        return key


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key that signs; its bytes are never shown, logged or saved elsewhere."""

    path: Path

    @property
    def public(self) -> PublicKey:
        """The key that checks what this one signs."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        key = self._key().public_key()
        return PublicKey(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of a message."""
        return self._key().sign(message)

    def _key(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(self.path.read_bytes(), password=None)
        except (OSError, ValueError, TypeError) as wrong:
            raise ArtifactError(
                "the signing key cannot be read",
                where=str(self.path),
                fix="restore it, or make one: veridical keys init",
            ) from wrong
        if not isinstance(key, Ed25519PrivateKey):
            raise ArtifactError(
                "the signing key is not an Ed25519 key", where=str(self.path), fix="veridical keys init"
            )
        return key


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The folder of the own signing key and of the public keys that are trusted.

    Example:
        >>> import tempfile
        >>> ring = KeyRing(Path(tempfile.mkdtemp()) / "keys")
        >>> ring.signing_key().public.key_id in ring.trusted()
        True
    """

    folder: Path

    @classmethod
    def default(cls) -> KeyRing:
        """Return the ring of this user."""
        home = os.environ.get("VERIDICAL_HOME")
        root = Path(home) if home else Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "veridical"
        return cls(root / "keys")

    @property
    def exists(self) -> bool:
        """Whether there is a signing key."""
        return (self.folder / _PRIVATE).exists()

    def signing_key(self) -> SigningKey:
        """Return the own signing key; the first call makes it.

        Raises:
            SpecError: the folder cannot be written.
        """
        path = self.folder / _PRIVATE
        if not path.exists():
            self._create(path)
        key = SigningKey(path)
        if not (self.folder / _PUBLIC).exists():
            write_bytes(self.folder / _PUBLIC, key.public.pem)
        return key

    @property
    def public_path(self) -> Path:
        """The file to hand to those who verify."""
        return self.folder / _PUBLIC

    def trust(self, pem_file: Path, *, name: str = "") -> str:
        """Trust another's public key and return its id.

        Raises:
            SpecError: the file cannot be read.
            ArtifactError: it holds no Ed25519 public key.
        """
        try:
            key = PublicKey(pem_file.read_bytes())
        except OSError as wrong:
            raise SpecError(f"cannot be read: {wrong.strerror}", where=str(pem_file), fix="check the path") from wrong
        key_id = key.key_id
        label = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")
        write_bytes(self.folder / "trusted" / f"{label + '.' if label else ''}{key_id}.pub", key.pem)
        return key_id

    def distrust(self, key_id: str) -> None:
        """Trust a key no longer.

        Raises:
            SpecError: no trusted key has that id.
        """
        found = [path for path in (self.folder / "trusted").glob("*.pub") if path.stem.endswith(key_id) and key_id]
        if not found:
            raise SpecError(f"no trusted key has the id {key_id}", fix="see `veridical keys show`")
        for path in found:
            path.unlink()

    def trusted(self) -> dict[str, PublicKey]:
        """Return the keys that are trusted, by id: the own one first."""
        keys = [self.signing_key().public] if self.exists else []
        keys += [PublicKey(path.read_bytes()) for path in sorted((self.folder / "trusted").glob("*.pub"))]
        return {key.key_id: key for key in keys}

    def names(self) -> dict[str, str]:
        """Return the names under which others' keys were trusted, by key id."""
        stems = [path.stem for path in sorted((self.folder / "trusted").glob("*.pub"))]
        return {stem.rpartition(".")[2]: stem.rpartition(".")[0] for stem in stems}

    def _create(self, path: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            # O_EXCL with 0600: the key is never readable by others, not even for a moment.
            with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            # link() does not replace: of two processes that make a key at once, both use the first one's.
            path.hardlink_to(temporary)
        except OSError as wrong:
            if path.exists():
                return
            raise SpecError(
                f"a signing key cannot be made: {wrong.strerror}",
                where=str(self.folder),
                fix="set VERIDICAL_HOME to a folder that can be written",
            ) from wrong
        finally:
            if temporary.exists():
                temporary.unlink()
