"""veridical's default engine, as a user calls it: a cold process that learns, fits and samples."""

import json
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

import veridical
from veridical.core.contracts import SampleRequest, Shard
from veridical.core.dataset import Dataset

job = json.loads(Path(sys.argv[1]).read_text())
data = Dataset.of(pq.read_table(job["train"]))
start = time.process_time()
learned = veridical.learn(data)
learned_at = time.process_time()
generator = veridical.fit(data, schema=learned.schema, engine=job.get("engine", "tree"), seed=job["seed"])
fitted = time.process_time()
rows = job["rows"]
sample = generator.sample(SampleRequest(rows=rows, seed=job["seed"]), Shard(0, 1, 0, rows))
sampled = time.process_time()
pq.write_table(sample.only, job["output"])
Path(job["answer"]).write_text(
    json.dumps({"learn_cpu_s": learned_at - start, "fit_cpu_s": fitted - learned_at, "sample_cpu_s": sampled - fitted})
)
