"""veridical on one table of sequences, as a user calls it: a cold process that learns, fits and samples."""

import json
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

import veridical
from veridical.core.dataset import Dataset

job = json.loads(Path(sys.argv[1]).read_text())
data = Dataset.of(pq.read_table(job["train"]))
start = time.process_time()
schema = veridical.learn(data).schema
learned = time.process_time()
generator = veridical.fit(data, schema=schema, seed=job["seed"])
fitted = time.process_time()
made = veridical.synthesize(generator, job["rows"], seed=job["seed"], entities=job["entities"])
pq.write_table(made, job["output"])
Path(job["answer"]).write_text(
    json.dumps(
        {
            "learn_cpu_s": learned - start, "fit_cpu_s": fitted - learned,
            "sample_cpu_s": time.process_time() - fitted, "found": list(schema.only.series or ()),
        }
    )
)  # fmt: skip
