"""Do rules give the same rows however the work is cut, for any small file?"""

import itertools

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from veridical.core.contracts import SampleRequest, Shard
from veridical.engines.rules.generator import RulesGenerator

FIELDS = st.lists(
    st.sampled_from(
        [
            "{type: name, unique: true}",
            "person.email",
            "{type: integer, low: -3, high: 9, nulls: 0.2}",
            "{type: pattern, pattern: 'AA-99', unique: true}",
            "{type: choice, values: {a: 1, b: 2.5}}",
            "{type: date, weekdays: [mon, fri]}",
            "{type: normal, mean: 0, sd: 2, decimals: 1}",
            "{type: formula, expression: 'id * 2 + 1'}",
            "{type: case, cases: [{when: 'id > 4', then: late}], otherwise: early}",
        ]
    ),
    min_size=1,
    max_size=5,
)


@given(FIELDS, st.integers(1, 60), st.integers(0, 2**31), st.lists(st.integers(0, 60), max_size=3), st.integers(0, 3))
@settings(max_examples=25, deadline=None)
def test_cutting_changes_nothing_and_keys_hold(fields, rows, seed, cuts, children):
    listed = ", ".join(f"f{i}: {entry}" for i, entry in enumerate(fields))
    rules = RulesGenerator.of_text(
        f"tables: {{t: {{fields: {{id: sequence, {listed}}}}},"
        f" c: {{parent: t, children: {{type: poisson, mean: {children + 0.5}}},"
        " fields: {id: sequence, owner: {type: parent, column: id}, n: {type: sequence, within: t}}}}"
    )
    request = SampleRequest(rows=rows, seed=seed)
    whole = rules.sample(request, Shard(0, 1, 0, rows)).tables
    edges = sorted({0, rows, *(min(cut, rows) for cut in cuts)})
    parts = [
        rules.sample(request, Shard(i, len(edges) - 1, low, high - low)).tables
        for i, (low, high) in enumerate(itertools.pairwise(edges))
    ]
    for name in ("t", "c"):
        assert pa.concat_tables([part[name] for part in parts]).combine_chunks().equals(whole[name].combine_chunks())
    assert whole["t"]["id"].to_pylist() == list(range(1, rows + 1))
    assert whole["c"]["id"].to_pylist() == list(range(1, whole["c"].num_rows + 1))
    assert set(whole["c"]["owner"].to_pylist()) <= set(range(1, rows + 1))
