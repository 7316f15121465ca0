"""Do numbers keep their values in fewer bytes?"""

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.chunks import narrowed


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([-128, 127], pa.int8()),
        ([-129, 0], pa.int16()),
        ([0, 128], pa.int16()),
        ([32_767, None], pa.int16()),
        ([32_768], pa.int32()),
        ([2**31], pa.int64()),
        ([-(2**63), 2**63 - 1], pa.int64()),
        ([None, None], pa.int8()),
        ([], pa.int8()),
    ],
)
def test_whole_numbers_take_as_few_bytes_as_hold_them(values, kind):
    found = narrowed(pa.array(values, pa.int64()))
    assert found.type == kind
    assert found.to_pylist() == values


@pytest.mark.parametrize(("words", "kind"), [(127, pa.int8()), (128, pa.int16()), (40_000, pa.int32())])
def test_indices_have_room_for_one_more_than_the_words(words, kind):
    indices = pa.array(np.append(np.arange(words), 0), pa.int32(), mask=np.append(np.zeros(words, bool), True))
    column = pa.DictionaryArray.from_arrays(indices, pa.array([str(word) for word in range(words)]))
    found = narrowed(column)
    assert found.type.index_type == kind
    assert found.to_pylist() == column.to_pylist()
    assert found.indices.fill_null(words).to_pylist()[-1] == words


def test_others_stay_as_they_are():
    for values in (pa.array([0.5, None]), pa.array(["a"]), pa.array([1], pa.int32())):
        assert narrowed(values) is values
