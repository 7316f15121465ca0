"""How is a statement signed, and is a signed one as its signer left it?

DSSE v1 (secure-systems-lab/dsse): the signature is over PAE(type, payload), so the JSON around it decides nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from veridical.core.errors import ArtifactError
from veridical.store.keys import PublicKey, SigningKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class Opened:
    """A statement and the id of the key that signed it."""

    payload: Mapping[str, Any]
    key_id: str


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding.

    Example:
        >>> pae("http://example.com/HelloWorld", b"hello world")
        b'DSSEv1 29 http://example.com/HelloWorld 11 hello world'
    """
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(payload: Mapping[str, Any], key: SigningKey) -> bytes:
    """Return a DSSE envelope over a JSON statement."""
    content = json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    return _write(content, key.public.key_id, key.sign(pae(PAYLOAD_TYPE, content)))


def open_signed(envelope: bytes, trusted: Mapping[str, PublicKey], *, where: str) -> Opened:
    """Return what an envelope holds after a trusted key was found to have signed it.

    Raises:
        ArtifactError: the envelope is truncated or edited, or the key that signed it is not trusted.
    """
    content, key_id, signature = _read(envelope, where)
    if key_id not in trusted:
        raise ArtifactError(
            f"signed by the key {key_id}, which is not trusted here",
            where=where,
            fix="compare that id with the signer's by another way, then `veridical keys trust signer.pub`",
        )
    if not trusted[key_id].checks(signature, pae(PAYLOAD_TYPE, content)):
        raise _edited(where)
    payload = json.loads(content)
    if not isinstance(payload, dict):
        raise _edited(where)
    return Opened(payload, key_id)


def signer_of(envelope: bytes, *, where: str) -> str:
    """Return the key id an envelope claims, checked against nothing.

    Raises:
        ArtifactError: the envelope is truncated or edited.
    """
    return _read(envelope, where)[1]


def _write(content: bytes, key_id: str, signature: bytes) -> bytes:
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(content).decode(),
        "signatures": [{"keyid": key_id, "sig": base64.b64encode(signature).decode()}],
    }
    return (json.dumps(envelope, indent=2) + "\n").encode()


def _read(envelope: bytes, where: str) -> tuple[bytes, str, bytes]:
    try:
        data = json.loads(envelope)
        (signed,) = data["signatures"]
        content = base64.b64decode(data["payload"], validate=True)
        key_id, signature = signed["keyid"], base64.b64decode(signed["sig"], validate=True)
        whole = _write(content, key_id, signature)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as wrong:
        raise _edited(where) from wrong
    # Spaces and spare base64 bits lie outside the signature; none may have changed either.
    if whole != envelope:
        raise _edited(where)
    return content, key_id, signature


def _edited(where: str) -> ArtifactError:
    return ArtifactError("has been edited or truncated", where=where, fix="fetch the folder again from its maker")
