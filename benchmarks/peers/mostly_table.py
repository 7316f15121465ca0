"""MOSTLY's engine: TabularARGN, capped at a stated training time."""

import json
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

job = json.loads(Path(sys.argv[1]).read_text())
train = pd.read_parquet(job["train"])
from mostlyai import engine  # noqa: E402

folder = Path(tempfile.mkdtemp())
start = time.process_time()
engine.split(tgt_data=train, workspace_dir=folder)
engine.analyze(workspace_dir=folder)
engine.encode(workspace_dir=folder)
engine.train(workspace_dir=folder, max_training_time=job["max_minutes"], device="cpu")
fitted = time.process_time()
engine.generate(workspace_dir=folder, sample_size=job["rows"])
pd.read_parquet(folder / "SyntheticData").to_parquet(job["output"])
Path(job["answer"]).write_text(json.dumps({"fit_cpu_s": fitted - start, "sample_cpu_s": time.process_time() - fitted}))
