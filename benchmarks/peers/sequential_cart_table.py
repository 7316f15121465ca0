"""Ports of sequential CART: pyseq-cart, python-synthpop, seqtrees. Named by job["port"]."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

job = json.loads(Path(sys.argv[1]).read_text())
train = pd.read_parquet(job["train"])
np.random.seed(job["seed"])
numeric = [
    name
    for name in train.columns
    if pd.api.types.is_numeric_dtype(train[name]) and not pd.api.types.is_bool_dtype(train[name])
]
# None of the three takes missing values or dates as they are: the same plain preparation for all.
levels = {}
integers = [name for name in numeric if pd.api.types.is_integer_dtype(train[name])]
for name in train.columns:
    if pd.api.types.is_datetime64_any_dtype(train[name]):
        train[name] = train[name].astype("int64").astype(float)
        numeric.append(name)
    elif name in numeric:
        if name not in integers or job["port"] != "pyseq-cart":
            train[name] = train[name].astype(float).fillna(train[name].median())
    else:
        train[name] = train[name].astype("string").fillna("(missing)").astype(object)

start = time.process_time()
if job["port"] == "pyseq-cart":
    from pyseq_cart import PySeqCART

    model = PySeqCART()
    model.fit(train)
    fitted = time.process_time()
    output = model.generate(job["rows"])
else:
    for name in train.columns:
        if name not in numeric:
            codes, levels[name] = pd.factorize(train[name])
            train[name] = codes.astype("int64")
    if job["port"] == "seqtrees":
        from seqtrees import SequentialTreeSynthesizer

        model = SequentialTreeSynthesizer(
            continuous_columns=numeric,
            discrete_columns=[name for name in train.columns if name not in numeric],
            continuous_strategy="interpolate" if numeric else "empirical",
            random_state=job["seed"],
        )
    else:
        from synthpop import CARTMethod

        kinds = {name: "numerical" if name in numeric else "categorical" for name in train.columns}
        model = CARTMethod(kinds, smoothing=True, proper=True, minibucket=5, random_state=job["seed"])
    model.fit(train)
    fitted = time.process_time()
    output = pd.DataFrame(model.sample(job["rows"]))
    for name, values in levels.items():
        codes = output[name].astype(float).round().clip(0, len(values) - 1).astype(int)
        output[name] = np.asarray(values)[codes]
for name in integers:
    output[name] = output[name].astype(float).round()
output.to_parquet(job["output"])
Path(job["answer"]).write_text(json.dumps({"fit_cpu_s": fitted - start, "sample_cpu_s": time.process_time() - fitted}))
