"""SDV's single-table synthesizers: GaussianCopula, CTGAN, TVAE."""

import json
import sys
import time
from pathlib import Path

import pandas as pd

job = json.loads(Path(sys.argv[1]).read_text())
train = pd.read_parquet(job["train"])

from sdv import single_table  # noqa: E402
from sdv.metadata import Metadata  # noqa: E402

metadata = Metadata.detect_from_dataframes({"data": train})
for column in train.columns:  # no peer is told that a column is a key or personal: all are modelled
    sdtype = metadata.tables["data"].columns[column]["sdtype"]
    if sdtype not in ("numerical", "categorical", "datetime", "boolean"):
        kind = "numerical" if pd.api.types.is_numeric_dtype(train[column]) else "categorical"
        metadata.update_column(column_name=column, table_name="data", sdtype=kind)
if metadata.tables["data"].primary_key is not None:
    metadata.remove_primary_key(table_name="data")
options = {} if job["class"] == "GaussianCopulaSynthesizer" else {"epochs": job["epochs"]}
start = time.process_time()
model = getattr(single_table, job["class"])(metadata, **options)
model.fit({"data": train})
fitted = time.process_time()
drawn = model.sample(num_rows=job["rows"])
(drawn["data"] if isinstance(drawn, dict) else drawn).to_parquet(job["output"])
Path(job["answer"]).write_text(
    json.dumps({"fit_cpu_s": fitted - start, "sample_cpu_s": time.process_time() - fitted, "options": options})
)
