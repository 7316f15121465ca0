"""What do judges of synthetic data cost, and what do they catch? `python -m benchmarks.validation [--judges ...]`

Adult is dealt into train, a holdout and a further real sample. Judged are: good synthetic rows (veridical's default
engine on train), the same with 1 % of the training rows copied in (leak), training rows alone (memo), and real rows
nobody learned from (held-out). A judge that alarms on the last, or is content with the middle two, is of no use.
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

ADULT = ROOT / "src" / "veridical" / "data" / "adult.parquet"
SCRIPTS = ROOT / "benchmarks" / "peers"
TARGET = "income"
TORCH = "torch==2.13.0"
PLAYED = ("good", "memo", "leak", "held-out")
# Judges by name: the environment (None: our own), the script, and what it is told.
JUDGES: dict[str, tuple[Peer | None, str, dict[str, Any]]] = {
    "veridical": (None, "veridical_judge.py", {"only": ""}),
    "veridical, SDMetrics' figures": (None, "veridical_judge.py", {"only": "fidelity.sdmetrics"}),
    "sdmetrics": (
        Peer(name="sdv", requirements=(TORCH, "sdv", "pyarrow"), script="sdmetrics_judge.py"),
        "sdmetrics_judge.py",
        {},
    ),
    "mostlyai-qa": (
        Peer(name="mostly-qa", requirements=(TORCH, "mostlyai-qa", "pyarrow"), script="mostly_judge.py"),
        "mostly_judge.py",
        {},
    ),
    "syntheval": (
        Peer(name="syntheval", requirements=("syntheval", "pyarrow"), script="syntheval_judge.py"),
        "syntheval_judge.py",
        {},
    ),
}
CHEAP = ("veridical", "veridical, SDMetrics' figures", "sdmetrics")


def cases(rows: int, seed: int) -> dict[str, pa.Table]:
    """Return train, holdout and what plays the synthetic data; train has `rows` rows, the holdout half as many."""
    from veridical.api import fit, synthesize

    table = pq.read_table(ADULT).replace_schema_metadata(None)
    rng = np.random.default_rng(seed)
    table = table.take(pa.array(rng.permutation(table.num_rows)))
    train, holdout = table.slice(0, rows), table.slice(rows, rows // 2)
    held = table.slice(rows + rows // 2, rows)
    good = synthesize(fit(train, seed=seed), rows, seed=seed).cast(train.schema)
    copied = pa.array(rng.choice(rows, max(1, rows // 100), replace=False))
    leak = pa.concat_tables([good.slice(len(copied)), train.take(copied)])
    memo = train.take(pa.array(rng.permutation(rows)))
    return {"train": train, "holdout": holdout, "good": good, "memo": memo, "leak": leak, "held-out": held}


def bench(judges: list[str], rows: int, seed: int, timeout_s: float) -> list[dict[str, Any]]:
    """Return one row of figures for each judge and each set judged."""
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name, table in cases(rows, seed).items():
            files[name] = str(Path(folder) / f"{name}.parquet")
            pq.write_table(table, files[name])
        for judge in judges:
            peer, script, told = JUDGES[judge]
            try:
                python = Path(sys.executable) if peer is None else python_of(peer)
            except RuntimeError as failed:
                found.append({"judge": judge, "ok": False, "note": str(failed)})
                continue
            for played in PLAYED:
                job = {"train": files["train"], "holdout": files["holdout"], "synthetic": files[played], **told}
                done = run_script(python, SCRIPTS / script, {**job, "target": TARGET}, timeout_s=timeout_s)
                cost = {"cpu_s": done.cpu_s, "peak_mb": done.peak_mb, "note": done.note}
                found.append({"judge": judge, "played": played, "ok": done.ok, **cost, **done.answer})
                print(found[-1], flush=True)
    return found


def main() -> None:
    """Run the judges and write the dated result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--judges", nargs="+", choices=list(JUDGES), default=list(JUDGES))
    parser.add_argument("--cheap", action="store_true", help="only judges that take seconds")
    parser.add_argument("--rows", type=int, default=19_500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--timeout", type=float, default=1800)
    parser.add_argument("--no-write", action="store_true")
    options = parser.parse_args()
    judges = list(CHEAP) if options.cheap else options.judges
    rows = bench(judges, options.rows, options.seed, options.timeout)
    if not options.no_write:
        print(write_result("validation", {"rows_each": options.rows, "seed": options.seed, "rows": rows}))


if __name__ == "__main__":
    main()
