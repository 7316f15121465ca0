"""Is the digest of a table the same however its columns are sliced and chunked?"""

import pyarrow as pa

from veridical.core.digest import of_table


def test_slices_chunks_and_dictionaries_do_not_change_the_digest():
    words = ["a", None, "longer word", "", "é"] * 40
    whole = pa.table({"w": pa.array(words), "n": list(range(200))})
    taken = pa.table({"w": pa.array(["x", *words]), "n": [0, *range(200)]}).slice(1)
    chunked = pa.concat_tables([whole.slice(0, 7), whole.slice(7, 100), whole.slice(107)])
    coded = whole.set_column(0, "w", whole["w"].combine_chunks().dictionary_encode())
    assert {of_table(t) for t in (whole, taken, chunked, coded)} == {of_table(whole)}


def test_where_one_value_ends_and_the_next_begins_counts():
    assert of_table(pa.table({"w": ["ab", "c"]})) != of_table(pa.table({"w": ["a", "bc"]}))
    assert of_table(pa.table({"w": ["", "c"]})) != of_table(pa.table({"w": [None, "c"]}))
