"""Do keys just work, stay private, and sign what others can check?"""

import base64
import json
import stat

import pytest

from veridical.core.errors import ArtifactError, SpecError
from veridical.store.envelope import PAYLOAD_TYPE, open_signed, pae, sign
from veridical.store.keys import KeyRing, PublicKey


@pytest.fixture
def ring(tmp_path):
    return KeyRing(tmp_path / "home" / "keys")


def test_the_first_use_makes_a_key_only_its_owner_can_read(ring):
    assert not ring.exists
    key = ring.signing_key()
    assert ring.exists
    assert stat.S_IMODE(key.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(ring.folder.stat().st_mode) == 0o700
    assert ring.signing_key().public.key_id == key.public.key_id
    assert b"PRIVATE" not in ring.public_path.read_bytes()
    assert sorted(path.name for path in ring.folder.iterdir()) == ["signing.key", "signing.pub"]


def test_the_key_id_is_the_sha256_of_the_public_bytes(ring):
    import hashlib

    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    public = ring.signing_key().public
    raw = load_pem_public_key(public.pem).public_bytes_raw()
    assert public.key_id == hashlib.sha256(raw).hexdigest()


def test_veridical_home_moves_the_ring(tmp_path, monkeypatch):
    monkeypatch.setenv("VERIDICAL_HOME", str(tmp_path / "here"))
    assert KeyRing.default().folder == tmp_path / "here" / "keys"
    monkeypatch.delenv("VERIDICAL_HOME")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert KeyRing.default().folder == tmp_path / "xdg" / "veridical" / "keys"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpecError, match="VERIDICAL_HOME"):
        KeyRing(tmp_path / "file" / "keys").signing_key()


def test_a_broken_key_file_is_named(ring):
    ring.signing_key().path.write_text("rubbish")
    with pytest.raises(ArtifactError, match="signing key cannot be read"):
        ring.signing_key().sign(b"")


def test_trust_and_distrust(ring, tmp_path):
    other = KeyRing(tmp_path / "other")
    key_id = other.signing_key().public.key_id
    assert ring.trust(other.public_path, name="R. Lee / Seoul") == key_id
    assert key_id in ring.trusted()
    assert ring.names()[key_id] == "R.-Lee-Seoul"
    ring.distrust(key_id)
    assert key_id not in ring.trusted()
    with pytest.raises(SpecError, match="no trusted key"):
        ring.distrust(key_id)
    with pytest.raises(SpecError, match="no trusted key"):
        ring.distrust("")


def test_only_ed25519_public_keys_are_trusted(ring, tmp_path):
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    (tmp_path / "ec.pub").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    (tmp_path / "text.pub").write_text("hello")
    with pytest.raises(ArtifactError, match="not an Ed25519 key"):
        ring.trust(tmp_path / "ec.pub")
    with pytest.raises(ArtifactError, match="not a public key"):
        ring.trust(tmp_path / "text.pub")
    with pytest.raises(SpecError, match="cannot be read"):
        ring.trust(tmp_path / "absent.pub")


def test_the_pre_authentication_encoding_is_that_of_the_specification():
    # The example of the DSSE protocol text.
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_an_envelope_can_be_checked_with_the_library_alone(ring):
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    key = ring.signing_key()
    envelope = json.loads(sign({"b": [1], "a": "가"}, key))
    payload = base64.b64decode(envelope["payload"])
    (signature,) = envelope["signatures"]
    assert envelope["payloadType"] == PAYLOAD_TYPE == "application/vnd.in-toto+json"
    assert signature["keyid"] == key.public.key_id
    load_pem_public_key(key.public.pem).verify(base64.b64decode(signature["sig"]), pae(PAYLOAD_TYPE, payload))
    assert json.loads(payload) == {"a": "가", "b": [1]}


def test_a_tampered_envelope_is_refused(ring):
    envelope = sign({"verdict": "fail"}, ring.signing_key())
    data = json.loads(envelope)
    data["payload"] = base64.b64encode(b'{"verdict":"pass"}').decode()
    forged = (json.dumps(data, indent=2) + "\n").encode()
    with pytest.raises(ArtifactError, match="edited or truncated"):
        open_signed(forged, ring.trusted(), where="m")
    for broken in (b"", b"{}", b"[]", b"null", envelope[:-9], envelope.replace(b"  ", b" "), envelope + b" "):
        with pytest.raises(ArtifactError, match="edited or truncated"):
            open_signed(broken, ring.trusted(), where="m")


def test_another_key_is_untrusted_and_named(ring, tmp_path):
    other = KeyRing(tmp_path / "other").signing_key()
    with pytest.raises(ArtifactError, match=f"{other.public.key_id}, which is not trusted"):
        open_signed(sign({}, other), ring.trusted(), where="m")
    # Claiming a trusted id does not help.
    data = json.loads(sign({}, other))
    data["signatures"][0]["keyid"] = ring.signing_key().public.key_id
    with pytest.raises(ArtifactError, match="edited"):
        open_signed((json.dumps(data, indent=2) + "\n").encode(), ring.trusted(), where="m")


def test_a_public_key_checks_only_its_own_signatures(ring):
    key = ring.signing_key()
    signature = key.sign(b"message")
    assert PublicKey(key.public.pem).checks(signature, b"message")
    assert not key.public.checks(signature, b"messages")
    assert not key.public.checks(b"", b"message")
