"""smartnoise-synth's MST (or AIM) on one table, with bounds and categories for free."""

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from snsynth import Synthesizer

BINS = 32
job = json.loads(Path(sys.argv[1]).read_text())
train = pd.read_parquet(job["train"])
edges = {}
coded = train.copy()
for name in train:
    if pd.api.types.is_numeric_dtype(train[name]) and train[name].nunique() > BINS:
        edges[name] = np.linspace(train[name].min(), train[name].max(), BINS + 1)
        coded[name] = np.clip(np.searchsorted(edges[name], train[name], side="right") - 1, 0, BINS - 1)
    coded[name] = coded[name].astype(str)
synthesizer = Synthesizer.create(job.get("synthesizer", "mst"), epsilon=job["epsilon"], delta=1e-6)
made = synthesizer.fit_sample(coded, categorical_columns=list(coded.columns), preprocessor_eps=0.0).head(job["rows"])
rng = np.random.default_rng()
for name, bounds in edges.items():
    place = made[name].astype(float).astype(int).to_numpy()
    values = bounds[place] + rng.random(len(place)) * np.diff(bounds)[place]
    made[name] = np.rint(values) if pd.api.types.is_integer_dtype(train[name]) else values
made.to_parquet(job["output"])
Path(job["answer"]).write_text("{}")
