"""MOSTLY's quality report on one pair of tables and a holdout."""

import json
import sys
import time
from pathlib import Path

import pandas as pd
from mostlyai import qa

job = json.loads(Path(sys.argv[1]).read_text())
train, holdout, synthetic = (pd.read_parquet(job[name]) for name in ("train", "holdout", "synthetic"))
start = time.process_time()
page = Path(job["answer"]).with_suffix(".html")
_, metrics = qa.report(syn_tgt_data=synthetic, trn_tgt_data=train, hol_tgt_data=holdout, report_path=page)
told = json.loads(metrics.model_dump_json())
found = {
    "score": told["accuracy"]["overall"],
    "dcr_share": told["distances"].get("dcr_share"),
    "copies": told["distances"].get("ims_training"),
    "judge_cpu_s": time.process_time() - start,
}
Path(job["answer"]).write_text(json.dumps(found))
