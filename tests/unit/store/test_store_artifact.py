"""Is a sealed folder refused, by the name of what is wrong, when anything in it changed?"""

import json

import pytest

from veridical.core.errors import ArtifactError
from veridical.store.artifact import INDEX, kind_of, open_sealed, seal


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "model"
    (place / "inner").mkdir(parents=True)
    (place / "a.json").write_text('{"a": 1}')
    (place / "inner" / "b.arrow").write_bytes(bytes(range(200)))
    seal(place, "model", 1)
    return place


def test_a_whole_folder_opens(folder):
    assert set(open_sealed(folder, "model").files) == {"a.json", "inner/b.arrow"}
    assert kind_of(folder) == "model"


def _truncate(folder):
    (folder / "inner" / "b.arrow").write_bytes(b"ab")


def _edit(folder):
    (folder / "a.json").write_text('{"a": 2}')


def _remove(folder):
    (folder / "a.json").unlink()


def _add(folder):
    (folder / "code.py").write_text("print()")


def _link(folder):
    (folder / "a.json").unlink()
    (folder / "a.json").symlink_to(folder / "inner" / "b.arrow")


def _edit_index(folder):
    index = json.loads((folder / INDEX).read_text())
    index["version"] = 1
    index["files"]["a.json"]["size_bytes"] += 1
    (folder / INDEX).write_text(json.dumps(index))


def _reseal_by_hand(folder):
    _edit(folder)
    from veridical.core import digest

    index = json.loads((folder / INDEX).read_text())
    index["files"]["a.json"]["sha256"] = digest.of_file(folder / "a.json")
    (folder / INDEX).write_text(json.dumps(index))


def _break_index(folder):
    (folder / INDEX).write_text((folder / INDEX).read_text()[:-30])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_truncate, "inner/b.arrow: is truncated"),
        (_edit, "a.json: has been edited"),
        (_remove, "a.json: is missing"),
        (_add, "code.py: was not there"),
        (_link, "is a link"),
        (_edit_index, "is truncated"),
        (_reseal_by_hand, "index.json: has been edited"),
        (_break_index, "index.json: is truncated or edited"),
    ],
)
def test_a_changed_folder_is_refused_by_name(folder, change, words):
    change(folder)
    with pytest.raises(ArtifactError) as refused:
        open_sealed(folder, "model")
    assert words in str(refused.value)


@pytest.mark.parametrize("content", ["[]", "null", '{"kind": "model"}', '{"kind": 1, "version": 1, "files": {}}', ""])
def test_an_index_that_is_no_index_is_refused(folder, content):
    (folder / INDEX).write_text(content)
    with pytest.raises(ArtifactError, match="truncated or edited"):
        open_sealed(folder, "model")
    assert kind_of(folder) in (None, "model")


def test_another_kind_or_version_is_refused(folder, tmp_path):
    with pytest.raises(ArtifactError, match="holds a 'model', not a 'synthesis'"):
        open_sealed(folder, "synthesis")
    with pytest.raises(ArtifactError, match="version 1; this veridical reads 2, 3"):
        open_sealed(folder, "model", versions=(2, 3))
    with pytest.raises(ArtifactError, match="no such folder"):
        open_sealed(tmp_path / "absent", "model")
    with pytest.raises(ArtifactError, match="no index"):
        open_sealed(folder / "inner", "model")
