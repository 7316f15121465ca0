"""Do SQL conditions, as we read and spell them, mean what SQLite takes them for?"""

from __future__ import annotations

import sqlite3

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from veridical.connect.database import condition
from veridical.connect.database.rule import rules_of
from veridical.connect.database.structure import Check
from veridical.core.schema import Column, Kind, TableSchema
from veridical.prepare.violation import row_rules

ROWS = [(a, b, s) for a in (None, -1, 0, 2) for b in (None, 0, 3) for s in (None, "x", "it's", "Zz")]
TABLE = pa.table({"a": [r[0] for r in ROWS], "b": [r[1] for r in ROWS], "order": [r[2] for r in ROWS]})
NUMBER = st.sampled_from(["a", "b", "0", "2", "-1", "(a + b)", "(b - 2)", "(a * 2)", "abs(a)"])
TEXT = st.sampled_from(["'x'", "'it''s'", "'Zz'"])
SIMPLE = st.one_of(
    st.builds("{} {} {}".format, NUMBER, st.sampled_from(["<", "<=", "=", "<>", "!=", ">", ">="]), NUMBER),
    st.builds('"order" {} {}'.format, st.sampled_from(["=", "<>"]), TEXT),
    st.builds('"order" {}IN ({}, {})'.format, st.sampled_from(["", "NOT "]), TEXT, TEXT),
    st.builds("a {}BETWEEN {} AND {}".format, st.sampled_from(["", "NOT "]), NUMBER, NUMBER),
    st.builds("{} IS {}NULL".format, st.sampled_from(["a", "b", '"order"']), st.sampled_from(["", "NOT "])),
    st.builds('length("order") {} {}'.format, st.sampled_from(["<", ">="]), st.integers(0, 4)),
)
CONDITION = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("{} OR {}".format, inner, inner),
        st.builds("NOT ({})".format, inner),
    ),
    max_leaves=5,
)


def by_sqlite(sql: str) -> list[bool]:
    """Which rows SQLite would take: those for which the condition is not false."""
    connection = sqlite3.connect(":memory:")
    connection.execute('CREATE TABLE t (a INTEGER, b INTEGER, "order" TEXT)')
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", ROWS)
    found = connection.execute(f"SELECT ({sql}) IS NOT 0 FROM t ORDER BY rowid").fetchall()
    connection.close()
    return [bool(row[0]) for row in found]


@settings(max_examples=150, deadline=None)
@given(CONDITION)
def test_reading_and_spelling(sql: str) -> None:
    read = condition.read(sql, TABLE.column_names)
    assert read is not None
    ours = [value is not False for value in read.evaluate(TABLE).to_pylist()]
    assert ours == by_sqlite(sql)
    spelled = condition.spell(read.tree)
    assert spelled is not None and by_sqlite(spelled) == ours


@settings(max_examples=150, deadline=None)
@given(CONDITION)
@example("(a IS NULL AND a IS NOT NULL)")
@example("(a IS NULL AND a > 3)")
def test_rules_allow_the_same_rows(sql: str) -> None:
    columns = (
        Column(name="a", kind=Kind.INTEGER, storage="int64", nullable=True),
        Column(name="b", kind=Kind.INTEGER, storage="int64", nullable=True),
        Column(name="order", kind=Kind.TEXT, storage="string", nullable=True),
    )
    rules = rules_of((Check(name="", text=sql),), columns)
    schema = TableSchema(name="t", columns=rules.columns, constraints=rules.constraints)
    kept = [True] * len(ROWS)
    for rule in row_rules(schema):
        kept = [one and not broken for one, broken in zip(kept, rule.broken(TABLE).tolist(), strict=True)]
    for column in rules.columns:  # "is not null" becomes the column's own law
        if not column.nullable:
            present = TABLE[column.name].is_valid().to_pylist()
            kept = [one and there for one, there in zip(kept, present, strict=True)]
    assert kept == by_sqlite(sql)
