"""MOSTLY's engine (an LSTM over TabularARGN) on one table of sequences, capped at a stated training time."""

import json
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

job = json.loads(Path(sys.argv[1]).read_text())
train = pd.read_parquet(job["train"])
from mostlyai import engine  # noqa: E402

key = job["key"]
if key is None:
    key = "series"
    train[key] = (pd.RangeIndex(len(train)) // job["window"]).astype(str)
train[key] = train[key].astype(str)
for name in train.columns:
    if str(train[name].dtype) == "category":
        train[name] = train[name].astype(str)
context = train[[key, *job["static"]]].drop_duplicates(key).reset_index(drop=True)
folder = Path(tempfile.mkdtemp())
start = time.process_time()
engine.split(
    tgt_data=train.drop(columns=job["static"]), ctx_data=context, tgt_context_key=key, ctx_primary_key=key,
    workspace_dir=folder,
)  # fmt: skip
engine.analyze(workspace_dir=folder)
engine.encode(workspace_dir=folder)
engine.train(workspace_dir=folder, max_training_time=job["max_minutes"], device="cpu")
fitted = time.process_time()
seeds = context.sample(job["entities"], replace=job["entities"] > len(context), random_state=job["seed"])
seeds = seeds.assign(**{key: [f"made {at}" for at in range(len(seeds))]}).reset_index(drop=True)
engine.generate(workspace_dir=folder, ctx_data=seeds)
drawn = pd.read_parquet(folder / "SyntheticData").merge(seeds, on=key, how="left")
if job["key"] is None:
    drawn = drawn.drop(columns=[key])
drawn[[name for name in pd.read_parquet(job["train"]).columns if name in drawn]].to_parquet(job["output"])
Path(job["answer"]).write_text(json.dumps({"fit_cpu_s": fitted - start, "sample_cpu_s": time.process_time() - fitted}))
