"""OpenDP's synthesizer (AIM or MST over mbi) on one table, with bounds and categories for free."""

import json
import sys
from pathlib import Path

import numpy as np
import opendp.prelude as dp
import polars as pl

BINS = 32
job = json.loads(Path(sys.argv[1]).read_text())
dp.enable_features("contrib")
train = pl.read_parquet(job["train"])
text = [name for name, kind in train.schema.items() if not kind.is_numeric()]
train = train.with_columns(pl.col(text).cast(pl.String).fill_null("(missing)"))
keys, cuts = {}, {}
for name in train.columns:
    column = train[name]
    if name in text or column.n_unique() <= BINS:
        keys[name] = column.drop_nulls().unique().sort().to_list()
    else:
        edges = np.linspace(column.min(), column.max(), BINS + 1)[1:-1]
        cuts[name] = sorted({int(e) for e in edges} if column.dtype.is_integer() else {float(e) for e in edges})
algorithm = dp.mbi.MST() if job.get("algorithm") == "mst" else dp.mbi.AIM()
context = dp.Context.compositor(
    data=train.lazy(), privacy_unit=dp.unit_of(contributions=1), privacy_loss=dp.loss_of(rho=job["rho"])
)
query = context.query(rho=job["rho"]).select(*train.columns)
table = query.contingency_table(keys=keys, cuts=cuts, algorithm=algorithm).release()
made = table.synthesize(job["rows"])
bounds = {name: (train[name].min(), train[name].max()) for name in cuts}
made = made.with_columns(pl.col(name).clip(*bounds[name]) for name in cuts)
whole = [name for name in cuts if train[name].dtype.is_integer()]
made = made.with_columns(pl.col(whole).round(0)).with_columns(
    pl.col(text).replace("(missing)", None) if text else pl.all()
)
made.write_parquet(job["output"])
Path(job["answer"]).write_text("{}")
