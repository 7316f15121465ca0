"""dpmm's AIM, MST or PrivBayes on one table, with bounds and categories for free."""

import json
import sys
from pathlib import Path

import dpmm.pipelines as pipelines
import pandas as pd

job = json.loads(Path(sys.argv[1]).read_text())
train = pd.read_parquet(job["train"])
numbers = [name for name in train if pd.api.types.is_numeric_dtype(train[name])]
frame, domain = train.copy(), {}
for name in train:
    if name in numbers:
        domain[name] = {"lower": float(train[name].min()), "upper": float(train[name].max())}
    else:
        frame[name] = train[name].astype(str).astype("category")
        domain[name] = {"categories": sorted(frame[name].unique())}
pipeline = getattr(pipelines, job["class"])(epsilon=job["epsilon"], delta=1e-6)
pipeline.fit(frame, domain)
pipeline.generate(job["rows"]).to_parquet(job["output"])
Path(job["answer"]).write_text("{}")
