"""Is every disagreement of data and schema told at once, without a value?"""

import pyarrow as pa
import pytest

from veridical.core.errors import SchemaError
from veridical.core.schema import Column, Kind, TableSchema
from veridical.profile import check, learn_table


def test_what_was_learned_agrees() -> None:
    table = pa.table(
        {"n": [1, 2, None] * 20, "d": ["2020-01-01", "2021-05-06", None] * 20, "c": ["a", "b", "rare"] * 20}
    )
    check(table, learn_table(table, name="t")[0])


def test_every_disagreement_is_told() -> None:
    schema = TableSchema(
        name="t",
        primary_key=("k",),
        columns=(
            Column(name="k", kind=Kind.IDENTIFIER, storage="int64", unique=True),
            Column(name="n", kind=Kind.INTEGER, storage="int64"),
            Column(name="d", kind=Kind.DATE, storage="string", datetime_format="%d/%m/%Y"),
            Column(name="c", kind=Kind.CATEGORY, categories=("x",)),
            Column(name="gone", kind=Kind.TEXT),
        ),
    )
    table = pa.table(
        {"k": [1, 1, 2], "n": ["1", "secret", None], "d": ["2020-01-01"] * 3, "c": ["a"] * 3, "more": [1, 2, 3]}
    )
    with pytest.raises(SchemaError) as caught:
        check(table, schema)
    told = str(caught.value)
    for words in (
        "k: values repeat",
        "repeat the primary key",
        "n: 1 value is missing",
        "n: 1 value is no number",
        "d: some values do not read as %d/%m/%Y",
        "c: no value is one of",
        "gone: the column is not in the data",
        "more: the column is not in the schema",
    ):
        assert words in told, words
    assert "secret" not in told
