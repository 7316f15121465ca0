"""veridical's private engines, as a user calls them: a cold process, every domain paid for, nothing declared."""

import json
import os
import sys
import tempfile
from pathlib import Path

job = json.loads(Path(sys.argv[1]).read_text())
os.environ["VERIDICAL_HOME"] = tempfile.mkdtemp()

import pyarrow.parquet as pq  # noqa: E402

from veridical.core.contracts import RunContext, SampleRequest, Shard  # noqa: E402
from veridical.core.dataset import Dataset  # noqa: E402
from veridical.stages.model import Recipe  # noqa: E402
from veridical.stages.private import skeleton  # noqa: E402

data = Dataset.of(pq.read_table(job["train"]))
options = {"epsilon": job["epsilon"], "delta": 1e-6, "unit": job.get("unit")}
generator = Recipe(engine=job["engine"], options=options).build().fit(data, skeleton(data), RunContext())
rows = job["rows"]
pq.write_table(generator.sample(SampleRequest(rows=rows), Shard(0, 1, 0, rows)).only, job["output"])
Path(job["answer"]).write_text("{}")
