"""What do the privacy attacks cost and find, beside anonymeter's? `python -m benchmarks.attacks [--attacks 1000]`

Adult is dealt into train, a holdout of half its size, and a third real sample. Three sets play the synthetic data: the
real sample (nobody in it was learned from: an alarm is false), the same with 1 % of its rows copied from train, and
train itself (no alarm is a miss).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.environment import ROOT, Peer, python_of, run_script, write_result

ANONYMETER = Peer(name="anonymeter", requirements=("anonymeter", "pyarrow"), script="anonymeter_attacks.py")
ATTACKS = ("singling_out_1", "singling_out_4", "linkability", "inference")
TRAIN_ROWS, HOLDOUT_ROWS = 19_536, 9_768
SCRIPTS = ROOT / "benchmarks" / "peers"


def cases(seed: int) -> dict[str, pa.Table]:
    """Return train, holdout and the three sets that play the synthetic data."""
    table = pq.read_table(ROOT / "src" / "veridical" / "data" / "adult.parquet")
    table = table.take(pa.array(np.random.default_rng(seed).permutation(len(table))))
    train, holdout = table.slice(0, TRAIN_ROWS), table.slice(TRAIN_ROWS, HOLDOUT_ROWS)
    real = table.slice(TRAIN_ROWS + HOLDOUT_ROWS, TRAIN_ROWS)
    copied = len(real) // 100
    leak = pa.concat_tables([real.slice(copied), train.slice(0, copied)])
    return {"train": train, "holdout": holdout, "real sample": real, "1 % copied": leak, "train itself": train}


def main() -> None:
    """Run every attack of both tools on every set, each in a process of its own, and write the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--attacks", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    tools = {
        "veridical": (Path(sys.executable), SCRIPTS / "veridical_attacks.py"),
        "anonymeter": (python_of(ANONYMETER), SCRIPTS / ANONYMETER.script),
    }
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name, table in cases(options.seed).items():
            files[name] = str(Path(folder) / f"{name.replace(' ', '_')}.parquet")
            pq.write_table(table.replace_schema_metadata(None), files[name])
        names = pq.read_schema(files["train"]).names
        for played in ("real sample", "1 % copied", "train itself"):
            for attack in ATTACKS:
                job = {
                    "train": files["train"], "holdout": files["holdout"], "synthetic": files[played],
                    "attack": attack, "attacks": options.attacks, "seed": options.seed, "secret": "occupation",
                    "first": names[0::2], "second": names[1::2],
                }  # fmt: skip
                for tool, (python, script) in tools.items():
                    run = run_script(python, script, job, timeout_s=600)
                    rows.append({"tool": tool, "played": played, "attack": attack, "cpu_s": round(run.cpu_s, 2),
                                 "peak_mb": round(run.peak_mb), "note": run.note, "found": run.answer})  # fmt: skip
                    print(rows[-1], flush=True)
    setting = {"data": "adult", "train_rows": TRAIN_ROWS, "holdout_rows": HOLDOUT_ROWS, "attacks": options.attacks}
    print(write_result("attacks", {**setting, "rows": rows}))


if __name__ == "__main__":
    main()
