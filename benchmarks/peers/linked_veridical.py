"""Learn, model and sample linked tables with veridical: job = {source, keep, out, seed}."""

import json
import sys
import time
from pathlib import Path


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    from veridical.connect.source import read
    from veridical.core.contracts import RunContext, SampleRequest, Shard
    from veridical.engines.relational.engine import LinkedEngine
    from veridical.spec import schema_yaml
    from veridical.stages.learn import learn

    times, start = {}, time.process_time()
    data = read(job["source"])
    schema = schema_yaml.read(Path(job["schema"])) if job.get("schema") else learn(data).schema
    times["learn_cpu_s"] = time.process_time() - start
    start = time.process_time()
    fitted = LinkedEngine(keep=tuple(job["keep"])).fit(data, schema, RunContext(seed=job["seed"]))
    times["model_cpu_s"] = time.process_time() - start
    start = time.process_time()
    made = fitted.sample(SampleRequest(rows=1, seed=job["seed"]), Shard(0, 1, 0, 1))
    times["sample_cpu_s"] = time.process_time() - start
    import pyarrow.parquet as pq

    out = Path(job["out"])
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in made.tables.items():
        pq.write_table(rows, out / f"{name}.parquet")
    Path(job["answer"]).write_text(json.dumps({**times, "tables": {n: t.num_rows for n, t in made.tables.items()}}))


main()
