"""Do random schemas of linked tables keep every key, whatever their links look like?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, ForeignKey, Kind, Schema, TableSchema
from veridical.engines.relational.engine import LinkedEngine
from veridical.prepare.link import point
from veridical.prepare.violation import repeated

ONE = Shard(0, 1, 0, 1)


@st.composite
def databases(draw: st.DrawFn) -> tuple[Dataset, Schema]:
    """Two to five tables; links to earlier tables, to themselves, null, broken; keys of one column or of links."""
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    tables: dict[str, pa.Table] = {}
    schemas: list[TableSchema] = []
    links: list[ForeignKey] = []
    for number in range(draw(st.integers(2, 5))):
        name = f"t{number}"
        rows = draw(st.sampled_from([0, 1, 7, 40, 90])) if number else draw(st.sampled_from([5, 40, 90]))
        text_key = draw(st.booleans())
        keys = [f"K{i:05}" for i in range(rows)] if text_key else list(range(1, rows + 1))
        data = {
            "id": pa.array(keys, pa.string() if text_key else pa.int64()),
            "value": pa.array(rng.normal(size=rows)),
            "kind": pa.array(rng.choice(["a", "b", "c"], size=rows).tolist(), pa.string()),
        }
        columns = [
            Column(name="id", kind=Kind.IDENTIFIER, storage="string" if text_key else "int64", unique=True),
            Column(name="value", kind=Kind.DECIMAL, storage="double", low=-9.0, high=9.0, decimals=3),
            Column(name="kind", kind=Kind.CATEGORY),
        ]
        key: tuple[str, ...] = ("id",)
        parents = draw(st.lists(st.integers(0, number), max_size=3)) if number else []
        for place, parent in enumerate(parents):
            above = f"t{parent}"
            held = data["id"] if parent == number else tables[above]["id"].combine_chunks()
            nulls, broken = draw(st.sampled_from([0.0, 0.3])), draw(st.sampled_from([0.0, 0.2]))
            column = f"fk{place}"
            values = held.take(pa.array(rng.integers(max(1, len(held)), size=rows))) if len(held) else None
            if values is None:
                values = pa.nulls(rows, held.type)
            elif broken:
                texts = [f"X{i:04}" for i in range(rows)]
                lost = pa.array(texts if pa.types.is_string(held.type) else range(10**6, 10**6 + rows), held.type)
                values = pc.if_else(pa.array(rng.random(rows) < broken), lost, values)
            values = pc.if_else(pa.array(rng.random(rows) < nulls), pa.scalar(None, values.type), values)
            data[column] = values
            columns.append(Column(name=column, kind=Kind.IDENTIFIER, storage=str(held.type), nullable=True))
            links.append(ForeignKey(table=name, columns=(column,), parent=above, parent_columns=("id",)))
        tables[name] = pa.table(data)
        schemas.append(TableSchema(name=name, columns=tuple(columns), primary_key=key))
    return Dataset(tables), Schema(tables=tuple(schemas), foreign_keys=tuple(links))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(databases(), st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from(["keep", "mend"]))
def test_keys_hold(found: tuple[Dataset, Schema], scale: float, broken: str) -> None:
    data, schema = found
    fitted = LinkedEngine(table_engine="independent", broken_links=broken).fit(data, schema, RunContext())
    made = fitted.sample(SampleRequest(rows=1, seed=3, scale=scale), ONE)
    assert list(made.tables) == [table.name for table in schema.tables]
    for table in schema.tables:
        rows = made.tables[table.name]
        assert rows.column_names == list(table.names)
        assert repeated(rows, table.primary_key) == 0
        assert rows["id"].null_count == 0
    for link in schema.foreign_keys:
        real, ours = point(data.tables, link), point(made.tables, link)
        if real.missing == 0 or broken == "mend":
            assert ours.missing == 0
        if not (real.rows < 0).any() and made.tables[link.parent].num_rows and link.table != link.parent:
            assert not (ours.rows < 0).any()
    again = fitted.sample(SampleRequest(rows=1, seed=3, scale=scale), ONE)
    assert again.fingerprint == made.fingerprint
