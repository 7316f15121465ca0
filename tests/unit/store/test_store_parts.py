"""Are only whole parts of the very same request used again?"""

import pytest

from veridical.core.errors import SpecError
from veridical.store.parts import open_parts


class Interrupted(Exception):
    """Stands for a process that was stopped."""


def _interrupt(folder, identity, shards):
    with pytest.raises(Interrupted), open_parts(folder, identity) as parts:
        _write(parts, shards)


def _write(parts, shards):
    for index in shards:
        parts.file(index, "t").write_bytes(b"rows %d" % index)
        parts.mark(index, ["t"], rows=1)
    raise Interrupted


def test_finished_parts_stay_after_an_interruption_and_go_after_success(tmp_path):
    folder = tmp_path / ".parts"
    _interrupt(folder, {"seed": 1}, [0, 2])
    with open_parts(folder, {"seed": 1}) as parts:
        assert [parts.finished(index) is not None for index in range(3)] == [True, False, True]
    assert not folder.exists()


def test_parts_of_another_request_are_thrown_away(tmp_path):
    folder = tmp_path / ".parts"
    _interrupt(folder, {"seed": 1}, [0])
    (folder / "left.tmp").mkdir()
    with open_parts(folder, {"seed": 2}) as parts:
        assert parts.finished(0) is None
        assert not (folder / "left.tmp").exists()


@pytest.mark.parametrize("damage", ["edit", "remove", "mark", "plan"])
def test_a_damaged_part_is_not_finished(tmp_path, damage):
    folder = tmp_path / ".parts"
    _interrupt(folder, {"seed": 1}, [0])
    (data,) = folder.glob("part-0000000.*[!n]")
    if damage == "edit":
        data.write_bytes(b"rows")
    elif damage == "remove":
        data.unlink()
    elif damage == "mark":
        (folder / "part-0000000.json").write_text('{"tables"')
    else:
        (folder / "plan.json").write_text("")
    with open_parts(folder, {"seed": 1}) as parts:
        assert parts.finished(0) is None


def test_two_processes_do_not_write_in_one_place(tmp_path):
    with open_parts(tmp_path / ".parts", {}), pytest.raises(SpecError, match="another process"):
        open_parts(tmp_path / ".parts", {}).__enter__()
