"""veridical's validation of one pair of tables and a holdout, or only the figures SDMetrics has."""

import json
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq

from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.finding import Outcome
from veridical.core.schema import Column, Kind, Schema, TableSchema
from veridical.measures.catalog import MEASURES
from veridical.stages.validate import validate

job = json.loads(Path(sys.argv[1]).read_text())
train, holdout, synthetic = (
    Dataset.of(pq.read_table(job[name]).replace_schema_metadata(None), "data")
    for name in ("train", "holdout", "synthetic")
)
columns = tuple(
    Column(
        name=field.name,
        kind=Kind.INTEGER if str(field.type).startswith("int") else Kind.CATEGORY,
        storage=str(field.type),
        nullable=True,
    )
    for field in train.only.schema
)
schema = Schema(tables=(TableSchema(name="data", columns=columns, target=job["target"]),))
start = time.process_time()
if job["only"]:
    evidence = Evidence(train=train, synthetic=synthetic, schema=schema)
    findings = MEASURES.load("fidelity.sdmetrics")().measure(evidence, RunContext())
    found = {"score": next(item.value for item in findings)}
else:
    validation = validate(
        train=train, holdout=holdout, synthetic=synthetic, schema=schema, gates="share", ctx=RunContext()
    )
    results = validation.verdict.results
    copies = next(item for item in validation.findings if item.check == "privacy.exact_copies")
    found = {
        "verdict": validation.verdict.outcome.value,
        "failed": sorted({item.gate.check for item in results if item.outcome is Outcome.FAIL}),
        "copies_p": copies.p_value,
    }
found["judge_cpu_s"] = time.process_time() - start
Path(job["answer"]).write_text(json.dumps(found))
