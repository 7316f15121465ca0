"""How fast, and in how much memory, do ten million child rows come out? `python -m benchmarks.linked_scale`."""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np
import pyarrow as pa

from benchmarks.environment import write_result
from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.engines.relational.engine import LinkedEngine
from veridical.stages.learn import learn

PARENTS, EACH = 20_000, 10


def shops(seed: int = 0) -> Dataset:
    """Return 20,000 customers with ten orders each on average, five columns an order."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 4, PARENTS)
    owner = np.repeat(np.arange(PARENTS), rng.poisson(EACH, PARENTS))
    rows = len(owner)
    customers = pa.table({
        "customer_id": np.arange(PARENTS) + 1, "segment": np.array(["a", "b", "c", "d"])[kind],
        "age": rng.integers(18, 90, PARENTS),
    })  # fmt: skip
    orders = pa.table({
        "order_id": np.arange(rows) + 1, "customer_id": owner + 1,
        "amount": np.round(rng.gamma(2 + kind[owner], 10), 2),
        "items": rng.poisson(1 + kind[owner]), "channel": np.array(["web", "shop", "phone"])[rng.integers(0, 3, rows)],
        "paid": rng.random(rows) < 0.9,
    })  # fmt: skip
    return Dataset({"customers": customers, "orders": orders})


def main() -> None:
    """Fit once, sample at a scale, and write the rate."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=float, default=1e7, help="child rows to sample")
    asked = parser.parse_args()
    data = shops()
    schema = learn(data).schema
    fitted = LinkedEngine().fit(data, schema, RunContext(seed=1))
    start, wall = time.process_time(), time.perf_counter()
    made = fitted.sample(
        SampleRequest(rows=1, seed=1, scale=asked.rows / data.tables["orders"].num_rows), Shard(0, 1, 0, 1)
    )
    cpu_s = time.process_time() - start
    rows = made.tables["orders"].num_rows
    row = {
        "what": f"{rows:,} orders of {made.tables['customers'].num_rows:,} customers", "rows": rows,
        "cpu_s": round(cpu_s, 1), "wall_s": round(time.perf_counter() - wall, 1), "rows_a_cpu_s": round(rows / cpu_s),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }  # fmt: skip
    print(json.dumps(row))
    print(write_result("linked-scale", {"rows": [row]}))


if __name__ == "__main__":
    main()
