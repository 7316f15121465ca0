"""smartnoise-synth's MST (or AIM) on one table, with bounds and categories for free."""

import json
import sys
from pathlib import Path

import pandas as pd
from snsynth import Synthesizer

job = json.loads(Path(sys.argv[1]).read_text())
train = pd.read_parquet(job["train"])
for name in train:
    if pd.api.types.is_numeric_dtype(train[name]) and train[name].nunique() > 32:
        train[name] = pd.cut(train[name], 32).map(lambda cell: cell.mid).astype(float)
    train[name] = train[name].astype(str)
synthesizer = Synthesizer.create(job.get("synthesizer", "mst"), epsilon=job["epsilon"], delta=1e-6)
made = synthesizer.fit_sample(train, categorical_columns=list(train.columns), preprocessor_eps=0.0)
made.head(job["rows"]).to_parquet(job["output"])
Path(job["answer"]).write_text("{}")
