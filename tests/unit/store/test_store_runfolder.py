"""Is anything half-written ever found under its final name?"""

import pytest

from veridical.core.errors import DataError
from veridical.store.runfolder import RunFolder, write_json, writing_file, writing_folder


def test_a_file_takes_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "deep" / "data.csv"
    with writing_file(path) as file:
        file.write(b"one")
        assert not path.exists()
    assert path.read_bytes() == b"one"


def _write_and_fail(path):
    with writing_file(path) as file:
        file.write(b"new")
        raise ZeroDivisionError


def _write_folder_and_fail(path):
    with writing_folder(path) as folder:
        write_json(folder / "b.json", {})
        raise ZeroDivisionError


def test_a_failed_write_leaves_the_older_file_and_no_rubbish(tmp_path):
    path = tmp_path / "data.csv"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        _write_and_fail(path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["data.csv"]


def test_a_failed_folder_leaves_the_older_folder_and_no_rubbish(tmp_path):
    place = tmp_path / "model"
    with writing_folder(place) as folder:
        write_json(folder / "a.json", {"a": 1})
    with pytest.raises(ZeroDivisionError):
        _write_folder_and_fail(place)
    assert [p.name for p in tmp_path.rglob("*")] == ["model", "a.json"]


def test_a_folder_replaces_the_older_one_whole(tmp_path):
    for name in ("a.json", "b.json"):
        with writing_folder(tmp_path / "model") as folder:
            write_json(folder / name, {})
    assert [p.name for p in tmp_path.rglob("*")] == ["model", "b.json"]


def test_data_files_are_readable_as_the_umask_says(tmp_path):
    with writing_file(tmp_path / "a") as file:
        file.write(b"a")
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert (tmp_path / "a").stat().st_mode == plain.stat().st_mode


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"), writing_file(tmp_path / "file" / "a.csv"):
        pass


def test_stages_have_fixed_names(tmp_path):
    with pytest.raises(ValueError, match="no stage"):
        RunFolder(tmp_path).stage("modle")
