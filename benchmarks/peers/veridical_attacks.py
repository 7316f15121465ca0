"""veridical: the attacks that anonymeter has, with as many attacks on the same rows."""

import json
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import scipy.special
import scipy.stats  # noqa: F401  # both tools are timed with their imports done

from veridical.attacks.inference import Inference
from veridical.attacks.linkability import Linkability
from veridical.attacks.singling_out import SinglingOut
from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, Kind, Schema, TableSchema

job = json.loads(Path(sys.argv[1]).read_text())
train, holdout, synthetic = (pq.read_table(job[name]) for name in ("train", "holdout", "synthetic"))
columns = tuple(
    Column(name=f.name, kind=Kind.INTEGER if pa.types.is_integer(f.type) else Kind.CATEGORY) for f in train.schema
)
evidence = Evidence(
    train=Dataset.of(train),
    holdout=Dataset.of(holdout),
    synthetic=Dataset.of(synthetic),
    schema=Schema(tables=(TableSchema(name="data", columns=columns),)),
)
attack = {
    "singling_out_1": SinglingOut(attacks=job["attacks"], columns=(1,)),
    "singling_out_4": SinglingOut(attacks=job["attacks"], columns=(4,)),
    "linkability": Linkability(attacks=job["attacks"], first=tuple(job["first"]), second=tuple(job["second"])),
    "inference": Inference(attacks=job["attacks"], secrets=(job["secret"],)),
}[job["attack"]]
start = time.process_time()
(found,) = attack.run(evidence, RunContext(seed=job["seed"]))
answer = {
    "attack_cpu_s": time.process_time() - start,
    "attack": found.value,
    "control": found.ceiling,
    "baseline": found.baseline,
    "risk": found.detail["risk"],
    "risk_interval": found.detail["risk_interval"],
    "p_value": found.p_value,
}
Path(job["answer"]).write_text(json.dumps(answer))
