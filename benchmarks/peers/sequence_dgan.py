"""DoppelGANger (Lin et al. 2020, as gretel-synthetics' DGAN) on one table of sequences of one length.

It knows one length only: entities of the commonest length are learned, cut to a multiple of ten rows where longer, and
all come out with it. Times are those of a learned entity, for it makes none.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

job = json.loads(Path(sys.argv[1]).read_text())
train = pd.read_parquet(job["train"])
from gretel_synthetics.timeseries_dgan.config import DfStyle, DGANConfig  # noqa: E402
from gretel_synthetics.timeseries_dgan.dgan import DGAN  # noqa: E402

key, moment = job["key"], job["time"]
if key is None:
    key = "series"
    train[key] = (pd.RangeIndex(len(train)) // job["window"]).astype(str)
train[key] = train[key].astype(str)
train = train.sort_values([key, moment])
lengths = train.groupby(key).size()
commonest = int(lengths.mode().iloc[0])
sample = min(10, commonest)
steps = commonest // sample * sample
kept = train[train[key].isin(lengths[lengths >= steps].index)].groupby(key).head(steps)
features = [name for name in train.columns if name not in {key, moment, *job["static"]}]
words = [name for name in features + job["static"] if not pd.api.types.is_numeric_dtype(kept[name])]
for name in features + job["static"]:
    if name in words:
        kept[name] = kept[name].astype(str)
    elif kept[name].isna().any():
        kept[name] = kept.groupby(key)[name].ffill().bfill().fillna(0.0)
kept["step"] = kept.groupby(key).cumcount()
start = time.process_time()
size = int(min(100, kept[key].nunique()))
model = DGAN(DGANConfig(max_sequence_len=steps, sample_len=sample, batch_size=size, epochs=job["epochs"], cuda=False))
model.train_dataframe(
    kept[[key, "step", *job["static"], *features]],
    attribute_columns=job["static"] or None,
    feature_columns=features,
    example_id_column=key,
    time_column="step",
    discrete_columns=words or None,
    df_style=DfStyle.LONG,
)
fitted = time.process_time()
drawn = model.generate_dataframe(job["entities"])
example = next(name for name in drawn.columns if name not in {"step", *job["static"], *features})
drawn = drawn.rename(columns={example: key}) if example != key else drawn
rng = np.random.default_rng(job["seed"])
times = [held.to_numpy() for _, held in kept.groupby(key)[moment]]
drawn[moment] = np.concatenate([times[at] for at in rng.integers(0, len(times), drawn[key].nunique())])
drawn[key] = drawn[key].astype(str)
columns = [name for name in pd.read_parquet(job["train"]).columns if name in drawn]
drawn[columns].to_parquet(job["output"])
Path(job["answer"]).write_text(json.dumps({"fit_cpu_s": fitted - start, "sample_cpu_s": time.process_time() - fitted}))
