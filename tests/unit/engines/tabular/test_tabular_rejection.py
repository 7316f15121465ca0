"""Do rows that break a rule come again without thinning out the kind of row that breaks it most?"""

import numpy as np
import pyarrow as pa

import veridical
from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, Constraint, Kind, Schema, TableSchema
from veridical.engines.tabular.engines import TreeEngine
from veridical.engines.tabular.tree.growing import Growth
from veridical.engines.tabular.tree.model import TreeModel


def stays(rows: int = 280) -> pa.Table:
    """A third of the rows come and leave at any time, the others come early and leave late."""
    rng = np.random.default_rng(0)
    kind = rng.choice(["stays", "visits"], rows, p=[1 / 3, 2 / 3])
    some = np.sort(rng.integers(0, 1000, (rows, 2)), axis=1)
    came = np.where(kind == "stays", some[:, 0], rng.integers(0, 400, rows))
    left = np.where(kind == "stays", some[:, 1], rng.integers(600, 1000, rows))
    return pa.table({"kind": kind, "came": came, "left": left})


SCHEMA = Schema(
    tables=(
        TableSchema(
            name="stays",
            columns=(
                Column(name="kind", kind=Kind.CATEGORY, storage="string"),
                Column(name="came", kind=Kind.INTEGER, storage="int64"),
                Column(name="left", kind=Kind.INTEGER, storage="int64"),
            ),
            constraints=(Constraint(type="forbidden", when="came > left"),),
        ),
    )
)


def test_the_kind_that_breaks_a_rule_most_keeps_its_share() -> None:
    table = stays()
    # So few rows and splits that `left` hardly follows `came`: many rows break the rule, most of them of one kind.
    shallow = TreeModel(orders=("given",), growth=Growth(max_depth=1), leanings=0)
    made = TreeEngine(model=shallow).fit(Dataset.of(table, "stays"), SCHEMA, RunContext(seed=1))
    drawn = made.sample(SampleRequest(rows=12_000, seed=2), Shard(0, 1, 0, 12_000)).only
    came, left = (drawn[name].to_numpy() for name in ("came", "left"))
    assert (came <= left).all()
    share = [np.mean(np.array(each["kind"].to_pylist()) == "stays") for each in (table, drawn)]
    assert abs(share[0] - share[1]) < 0.02


def test_without_an_order_whole_rows_are_drawn_again() -> None:
    made = veridical.fit(stays(), schema=SCHEMA, engine="independent", seed=1)
    drawn = veridical.synthesize(made, 2_000, seed=2)
    assert (drawn["came"].to_numpy() <= drawn["left"].to_numpy()).all()
