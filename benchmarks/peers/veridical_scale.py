"""One large step of veridical in a process of its own: fit a table, or draw rows to a file."""

import json
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

import veridical
from veridical.core.contracts import RunContext, SampleRequest
from veridical.core.dataset import Dataset
from veridical.exec.local import available_workers
from veridical.stages.model import Recipe, model
from veridical.stages.synthesize import order, synthesize_file


def fit(job):
    table = pq.read_table(job["train"]).replace_schema_metadata(None)
    table = table.slice(0, job["rows"]) if job.get("rows") else table
    start = time.process_time()
    schema = veridical.learn(Dataset.of(table)).schema
    learned = time.process_time()
    model(Dataset.of(table), schema, Recipe(), RunContext(), Path(job["model"]), source={"name": "scale"})
    return {
        "rows": table.num_rows, "columns": table.num_columns, "table_mb": table.nbytes / 2**20,
        "learn_cpu_s": learned - start, "fit_cpu_s": time.process_time() - learned,
    }  # fmt: skip


def sample(job):
    ctx = RunContext(workers=job.get("workers") or available_workers())
    start = time.perf_counter()
    rows = synthesize_file(order(Path(job["model"]), SampleRequest(rows=job["rows"])), ctx, Path(job["output"]))
    seconds = time.perf_counter() - start
    size = Path(job["output"]).stat().st_size / 2**20
    return {"rows": rows, "workers": ctx.workers, "draw_s": seconds, "rows_per_s": rows / seconds, "file_mb": size}


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text())
    Path(asked["answer"]).write_text(json.dumps({"fit": fit, "sample": sample}[asked["what"]](asked)))
