"""UnmaskingTrees."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

job = json.loads(Path(sys.argv[1]).read_text())
train = pd.read_parquet(job["train"])
from utrees import UnmaskingTrees  # noqa: E402

levels, kinds, arrays = {}, [], []
for name in train.columns:
    if pd.api.types.is_numeric_dtype(train[name]) and not pd.api.types.is_bool_dtype(train[name]):
        kinds.append("continuous")
        arrays.append(train[name].astype(float).to_numpy())
    elif pd.api.types.is_datetime64_any_dtype(train[name]):
        kinds.append("continuous")
        arrays.append(train[name].astype("int64").astype(float).to_numpy())
    else:
        codes, levels[name] = pd.factorize(train[name].astype("string"))
        kinds.append("categorical")
        arrays.append(np.where(codes < 0, np.nan, codes.astype(float)))
start = time.process_time()
model = UnmaskingTrees(random_state=job["seed"]).fit(np.column_stack(arrays), quantize_cols=kinds)
fitted = time.process_time()
drawn = pd.DataFrame(model.generate(n_generate=job["rows"]), columns=train.columns)
for name, values in levels.items():
    codes = drawn[name]
    drawn[name] = [None if np.isnan(code) else str(values[int(code)]) for code in codes]
drawn.to_parquet(job["output"])
Path(job["answer"]).write_text(json.dumps({"fit_cpu_s": fitted - start, "sample_cpu_s": time.process_time() - fitted}))
