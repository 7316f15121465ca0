"""Does verify catch every changed, added or missing byte and file?"""

import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veridical.core.errors import ArtifactError
from veridical.store.keys import KeyRing
from veridical.store.manifest import MANIFEST, verify, write_manifest
from veridical.store.stamp import open_stamped, stamp


@cache
def _made() -> tuple[Path, KeyRing]:
    root = Path(tempfile.mkdtemp())
    ring = KeyRing(root / "keys")
    folder = root / "release"
    folder.mkdir()
    (folder / "data.csv").write_text("a,b\n1,x\n2,y\n")
    (folder / "README.md").write_text("# card\n")
    (folder / "empty").write_bytes(b"")
    write_manifest(folder, {"method": {"engine": "tree"}, "limit": 0.5}, ring.signing_key())
    return folder, ring


def _copy(at: Path) -> tuple[Path, KeyRing]:
    folder, ring = _made()
    shutil.rmtree(at, ignore_errors=True)
    shutil.copytree(folder, at)
    return at, ring


def test_an_untouched_release_is_verified(tmp_path):
    folder, ring = _copy(tmp_path / "r")
    verified = verify(folder, ring.trusted())
    assert set(verified.files) == {"data.csv", "README.md", "empty", "signer.pub"}
    assert verified.predicate["limit"] == 0.5


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_changed_byte_is_caught(data):
    made, _ = _made()
    with tempfile.TemporaryDirectory() as temporary:
        folder, ring = _copy(Path(temporary) / "r")
        names = sorted(path.name for path in made.iterdir() if path.stat().st_size)
        path = folder / data.draw(st.sampled_from(names))
        content = bytearray(path.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
        path.write_bytes(bytes(content))
        with pytest.raises(ArtifactError):
            verify(folder, ring.trusted())


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_every_missing_truncated_or_added_file_is_caught(data):
    with tempfile.TemporaryDirectory() as temporary:
        folder, ring = _copy(Path(temporary) / "r")
        path = folder / data.draw(st.sampled_from(sorted(p.name for p in folder.iterdir())))
        change = data.draw(st.sampled_from(["remove", "append", "add", "rename", "link", "folder"]))
        if change == "remove":
            path.unlink()
        elif change == "append":
            path.write_bytes(path.read_bytes() + b"\n")
        elif change == "add":
            (folder / "more.csv").write_bytes(b"")
        elif change == "rename":
            path.rename(folder / "other")
        elif change == "link":
            (folder / "link").symlink_to(path)
        else:
            (folder / "sub").mkdir()
            (folder / "sub" / MANIFEST).write_bytes(b"")
        with pytest.raises(ArtifactError):
            verify(folder, ring.trusted())


def test_every_problem_is_named_at_once(tmp_path):
    folder, ring = _copy(tmp_path / "r")
    (folder / "data.csv").write_text("changed")
    (folder / "README.md").unlink()
    (folder / "new").write_text("")
    with pytest.raises(ArtifactError) as refused:
        verify(folder, ring.trusted())
    for words in ("data.csv has been changed", "README.md is missing", "new was added"):
        assert words in str(refused.value)


def test_another_key_is_untrusted_even_when_its_public_key_lies_there(tmp_path):
    folder, _ = _copy(tmp_path / "r")
    with pytest.raises(ArtifactError, match="not trusted"):
        verify(folder, {})
    stranger = KeyRing(tmp_path / "stranger")
    (folder / "data.csv").write_text("forged")
    write_manifest(folder, {"method": {}}, stranger.signing_key())
    with pytest.raises(ArtifactError, match="not trusted"):
        verify(folder, _made()[1].trusted())


def test_a_signed_statement_of_another_purpose_is_no_manifest(tmp_path):
    from veridical.store.envelope import sign

    folder, ring = _copy(tmp_path / "r")
    (folder / MANIFEST).write_bytes(sign({"kind": "validation"}, ring.signing_key()))
    with pytest.raises(ArtifactError, match="not a veridical manifest"):
        verify(folder, ring.trusted())


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_stamp_catches_every_changed_byte(data):
    with tempfile.TemporaryDirectory() as temporary:
        folder, ring = Path(temporary) / "validate", _made()[1]
        folder.mkdir()
        (folder / "verdict.json").write_text('{"outcome": "fail"}')
        stamp(folder, "validation", {"data": "abc"}, ring)
        assert open_stamped(folder, "validation", ring) == {"data": "abc"}
        files = sorted(path for path in Path(temporary).rglob("*") if path.is_file())
        path = data.draw(st.sampled_from(files))
        content = bytearray(path.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(bytes(content))
        if path.name == "index.json":
            _check_index(folder, ring)
        else:
            with pytest.raises(ArtifactError):
                open_stamped(folder, "validation", ring)


def _check_index(folder, ring):
    # Spaces and unread sizes of the index may change; what is sealed may not.
    try:
        basis = open_stamped(folder, "validation", ring)
    except ArtifactError:
        return
    assert basis == {"data": "abc"}
