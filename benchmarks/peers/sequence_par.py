"""SDV's PAR synthesizer (a GRU) on one table of sequences."""

import json
import sys
import time
from pathlib import Path

import pandas as pd

job = json.loads(Path(sys.argv[1]).read_text())
train = pd.read_parquet(job["train"])

from sdv.metadata import Metadata  # noqa: E402
from sdv.sequential import PARSynthesizer  # noqa: E402

key, time_column = job["key"], job["time"]
if key is None:
    key = "series"
    width = job["window"]
    train[key] = (pd.RangeIndex(len(train)) // width).astype(str)
train[key] = train[key].astype(str)
for name in train.columns:
    if str(train[name].dtype) in ("category", "bool"):
        train[name] = train[name].astype(str)
metadata = Metadata.detect_from_dataframes({"data": train})
for name in train.columns:
    kind = "numerical" if pd.api.types.is_numeric_dtype(train[name]) else "categorical"
    kind = "datetime" if pd.api.types.is_datetime64_any_dtype(train[name]) else kind
    metadata.update_column(column_name=name, table_name="data", sdtype="id" if name == key else kind)
if metadata.tables["data"].primary_key is not None:
    metadata.remove_primary_key(table_name="data")
metadata.set_sequence_key(table_name="data", column_name=key)
metadata.set_sequence_index(table_name="data", column_name=time_column)
start = time.process_time()
options = {"context_columns": job["static"]} if job["static"] else {}
model = PARSynthesizer(metadata, epochs=job["epochs"], verbose=False, **options)
model.fit({"data": train})
fitted = time.process_time()
drawn = model.sample_sequences(num_sequences=job["entities"])
drawn = drawn["data"] if isinstance(drawn, dict) else drawn
if job["key"] is None:
    drawn = drawn.drop(columns=[key])
drawn.to_parquet(job["output"])
Path(job["answer"]).write_text(json.dumps({"fit_cpu_s": fitted - start, "sample_cpu_s": time.process_time() - fitted}))
