"""One large step of veridical in a process of its own: fit a table, or draw rows to a file."""

import json
import sys
import time
from pathlib import Path


class NotInBase:
    """Keeps out what the base install lacks: wherever pandas is installed, pyarrow loads it (35 MB), used or not."""

    def find_spec(self, name, *_):
        if name == "pandas":
            raise ImportError(name)


sys.meta_path.insert(0, NotInBase())

import pyarrow.parquet as pq  # noqa: E402

import veridical  # noqa: E402
from veridical.connect.source import on_disk  # noqa: E402
from veridical.core.contracts import RunContext, SampleRequest  # noqa: E402
from veridical.core.dataset import Dataset  # noqa: E402
from veridical.stages.model import Recipe, model  # noqa: E402


def fit(job):
    # As `veridical model FILE` does: rows are read from the file by each stage, not held between them.
    data = on_disk(job["train"])
    if job.get("held"):
        data = Dataset.of(data.only, data.name)
    start = time.process_time()
    schema = veridical.learn(data).schema
    learned = time.process_time()
    model(data, schema, Recipe(), RunContext(), Path(job["model"]), source={"name": "scale"})
    return {
        "rows": data.rows, "columns": len(schema.only.columns),
        "learn_cpu_s": learned - start, "fit_cpu_s": time.process_time() - learned,
    }  # fmt: skip


def size(job):
    """Say how large a file's table is in Arrow, in a process that measures nothing else."""
    return {"table_mb": pq.read_table(job["train"]).nbytes / 2**20}


def sample(job):
    from veridical.exec.local import available_workers
    from veridical.stages.synthesize import order, synthesize_file

    ctx = RunContext(workers=job.get("workers") or available_workers())
    start = time.perf_counter()
    rows = synthesize_file(order(Path(job["model"]), SampleRequest(rows=job["rows"])), ctx, Path(job["output"]))
    seconds = time.perf_counter() - start
    size = Path(job["output"]).stat().st_size / 2**20
    return {"rows": rows, "workers": ctx.workers, "draw_s": seconds, "rows_per_s": rows / seconds, "file_mb": size}


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv[1]).read_text())
    steps = {"fit": fit, "size": size, "sample": sample}
    Path(asked["answer"]).write_text(json.dumps(steps[asked["what"]](asked)))
