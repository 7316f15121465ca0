"""syntheval's full evaluation of one pair of tables and a holdout."""

import json
import sys
import time
from pathlib import Path

import pandas as pd
from syntheval import SynthEval

job = json.loads(Path(sys.argv[1]).read_text())
train, holdout, synthetic = (pd.read_parquet(job[name]) for name in ("train", "holdout", "synthetic"))
names = [name for name in train if not pd.api.types.is_numeric_dtype(train[name])]
for frame in (train, holdout, synthetic):  # it refuses missing values
    for name in frame:
        if frame[name].isna().any():
            frame[name] = frame[name].fillna("missing" if name in names else frame[name].median())
start = time.process_time()
judge = SynthEval(train, holdout_dataframe=holdout, cat_cols=names, verbose=False)
result = judge.evaluate(synthetic, analysis_target_var=job["target"], presets_file="full_eval")
values = {str(row["metric"]): row["val"] for _, row in result.reset_index().iterrows() if row["val"] == row["val"]}
found = {"figures": {k: float(v) for k, v in values.items()}, "judge_cpu_s": time.process_time() - start}
Path(job["answer"]).write_text(json.dumps(found, default=str))
