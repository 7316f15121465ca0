"""anonymeter: singling out, linkability, inference."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

job = json.loads(Path(sys.argv[1]).read_text())
train, holdout, synthetic = (pd.read_parquet(job[name]) for name in ("train", "holdout", "synthetic"))
from anonymeter.evaluators import InferenceEvaluator, LinkabilityEvaluator, SinglingOutEvaluator  # noqa: E402

np.random.seed(job["seed"])
for frame in (train, holdout, synthetic):
    for column in frame.columns:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            frame[column] = frame[column].astype("object").where(frame[column].notna(), None)
attacks, kind = job["attacks"], job["attack"]
start = time.process_time()
if kind in ("singling_out_1", "singling_out_4"):
    mode = "univariate" if kind.endswith("1") else "multivariate"
    attack = SinglingOutEvaluator(
        ori=train, syn=synthetic, control=holdout, n_attacks=attacks, n_cols=4, seed=job["seed"]
    )
    attack.evaluate(mode=mode)
elif kind == "linkability":
    attack = LinkabilityEvaluator(
        ori=train, syn=synthetic, control=holdout, n_attacks=attacks, aux_cols=(job["first"], job["second"])
    )
    attack.evaluate(n_jobs=1)
else:
    known = [name for name in train.columns if name != job["secret"]]
    attack = InferenceEvaluator(
        ori=train, syn=synthetic, control=holdout, n_attacks=attacks, aux_cols=known, secret=job["secret"]
    )
    attack.evaluate(n_jobs=1)
cost = time.process_time() - start
found, risk = attack.results(), attack.risk()
answer = {
    "attack_cpu_s": cost,
    "attack": float(found.attack_rate.value),
    "control": float(found.control_rate.value),
    "baseline": float(found.baseline_rate.value),
    "risk": float(risk.value),
    "risk_interval": [float(v) for v in risk.ci],
}
Path(job["answer"]).write_text(json.dumps(answer))
