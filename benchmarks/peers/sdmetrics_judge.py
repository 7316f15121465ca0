"""SDMetrics' QualityReport on one pair of tables."""

import json
import sys
import time
from pathlib import Path

import pandas as pd
from sdmetrics.reports.single_table import QualityReport

job = json.loads(Path(sys.argv[1]).read_text())
real, synthetic = pd.read_parquet(job["train"]), pd.read_parquet(job["synthetic"])
kinds = {name: {"sdtype": "numerical" if pd.api.types.is_numeric_dtype(real[name]) else "categorical"} for name in real}
start = time.process_time()
report = QualityReport()
report.generate(real, synthetic, {"columns": kinds}, verbose=False)
found = {"score": report.get_score(), "judge_cpu_s": time.process_time() - start}
Path(job["answer"]).write_text(json.dumps(found))
