"""arfpy: adversarial random forests."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

job = json.loads(Path(sys.argv[1]).read_text())
train = pd.read_parquet(job["train"])
from arfpy import arf  # noqa: E402

np.random.seed(job["seed"])
# arfpy takes no missing values: categories get one of their own, numbers their median (and lose that).
for column in train.columns:
    if pd.api.types.is_numeric_dtype(train[column]) and not pd.api.types.is_bool_dtype(train[column]):
        train[column] = train[column].fillna(train[column].median()).astype(float)
    elif pd.api.types.is_datetime64_any_dtype(train[column]):
        train[column] = train[column].astype("int64").astype(float)
    else:
        train[column] = train[column].astype("string").fillna("(missing)").astype("object").astype("category")
start = time.process_time()
model = arf.arf(x=train, num_trees=30)
model.forde()
fitted = time.process_time()
model.forge(n=job["rows"]).to_parquet(job["output"])
Path(job["answer"]).write_text(json.dumps({"fit_cpu_s": fitted - start, "sample_cpu_s": time.process_time() - fitted}))
