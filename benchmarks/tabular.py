"""Which generator makes the best table, at what cost? `python -m benchmarks.tabular [--data adult ...] [--peers ...]`

Every peer and veridical learn the same 80 % of the same table and make as many rows; all are scored on the other 20 %.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, TypedDict

import pandas as pd

from benchmarks.environment import ROOT, Peer, python_of, read_result, run_script, write_result
from benchmarks.tabular_score import SEED, aligned, redrawn_auc, score, tstr_auc

SHARED = Path(os.environ.get("VERIDICAL_SHARED_DATA", ROOT.parent / "shared" / "data"))
TORCH = "torch==2.13.0"
DATA: dict[str, dict[str, Any]] = {
    "adult": {"path": "adult/adult.parquet", "target": "income", "drop": []},
    "credit_default": {"path": "credit_default/credit_default.parquet", "target": None, "drop": ["ID"]},
    "online_shoppers": {"path": "online_shoppers/online_shoppers.parquet", "target": "Revenue", "drop": []},
    "diabetes130": {
        "path": "diabetes130/diabetes130.parquet", "target": "readmitted", "drop": ["encounter_id", "patient_nbr"],
        "rows": 20_000,
    },
    "nyc_taxi": {"path": "nyc_taxi/nyc_taxi.parquet", "target": None, "drop": [], "rows": 40_000},
}  # fmt: skip
PEERS = {
    peer.name: peer
    for peer in (
        Peer(name="sdv", requirements=(TORCH, "sdv", "pyarrow"), script="sdv_table.py",
             options={"class": "GaussianCopulaSynthesizer"}),
        Peer(name="sdv-ctgan", requirements=(TORCH, "sdv", "pyarrow"), script="sdv_table.py",
             options={"class": "CTGANSynthesizer", "epochs": 5}),
        Peer(name="sdv-tvae", requirements=(TORCH, "sdv", "pyarrow"), script="sdv_table.py",
             options={"class": "TVAESynthesizer", "epochs": 10}),
        Peer(name="mostly", requirements=(TORCH, "mostlyai-engine", "pyarrow"), script="mostly_table.py",
             removed=("torchvision", "torchaudio"),
             options={"max_minutes": 2}),
        Peer(name="arfpy", requirements=("arfpy", "numpy<2", "scikit-learn<1.6", "pandas<3", "pyarrow<20"),
             script="arfpy_table.py"),
        Peer(name="pyseq-cart", requirements=("pyseq-cart", "pyarrow"), script="sequential_cart_table.py",
             options={"port": "pyseq-cart"}),
        Peer(name="seqtrees", requirements=("seqtrees", "pyarrow"), script="sequential_cart_table.py",
             options={"port": "seqtrees"}),
        Peer(name="python-synthpop", requirements=("python-synthpop", "pyarrow"), script="sequential_cart_table.py",
             options={"port": "python-synthpop"}),
        Peer(name="utrees", requirements=("utrees", "numpy<2", "scikit-learn<1.6", "pandas<3", "pyarrow<20"),
             script="utrees_table.py"),
    )
}  # fmt: skip
SAME_ENVIRONMENT = {"sdv-ctgan": "sdv", "sdv-tvae": "sdv"}
OURS = "veridical"


class Limits(TypedDict):
    """After how many seconds of the clock, or of computing, a generator is stopped."""

    timeout_s: float
    most_cpu_s: float | None


def load(name: str) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Return train (80 %), holdout (20 %) and the target's name."""
    about = DATA[name]
    frame = pd.read_parquet(SHARED / about["path"]).drop(columns=about["drop"])
    frame = frame.drop(columns=[column for column in frame if frame[column].isna().all()])
    if about.get("rows"):
        frame = frame.sample(about["rows"], random_state=SEED)
    target = about["target"] or next((c for c in frame if "default" in c.lower()), frame.columns[-1])
    if name == "nyc_taxi":
        target = "total_amount"
    shuffled = frame.sample(frac=1.0, random_state=SEED).reset_index(drop=True)
    cut = int(len(shuffled) * 0.8)
    return shuffled[:cut], shuffled[cut:].reset_index(drop=True), target


def run_one(name: str, job: dict[str, Any], limits: Limits) -> Any:
    """Run one generator on one job and return its `Run`."""
    if name == OURS:
        script = ROOT / "benchmarks" / "peers" / "veridical_table.py"
        return run_script(Path(sys.executable), script, job, **limits)
    peer = PEERS[name]
    environment = PEERS[SAME_ENVIRONMENT.get(name, name)]
    script = ROOT / "benchmarks" / "peers" / peer.script
    return run_script(python_of(environment), script, {**job, **peer.options}, **limits)


def bench(
    names: list[str], generators: list[str], limits: Limits, file: str, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return one row of figures per generator and data set, the real holdout of each first; each is written at once.

    `rows` are those of an earlier run of the same day, on the same splits; what they tell is not run again.
    """
    known = {(row["data"], row["generator"]) for row in rows}

    def note(row: dict[str, Any]) -> None:
        rows.append(row)
        rows.sort(key=lambda each: list(DATA).index(each["data"]))
        print(line(row), flush=True)
        write_result(file, {"rows": json.loads(json.dumps(rows, default=float))})

    with tempfile.TemporaryDirectory() as folder:
        splits = {name: load(name) for name in names}
        for name, (train, holdout, target) in splits.items():
            train.to_parquet(Path(folder) / f"{name}.parquet")
            if (name, "real holdout") in known:
                continue
            half = len(holdout) // 2
            limit = score(train, holdout[:half], holdout[half:], target)
            both = aligned(train, train), aligned(holdout, train)
            limit["tstr"], limit["tstr_redrawn"] = tstr_auc(*both, target), redrawn_auc(*both, target)
            note({"data": name, "generator": "real holdout", "ok": True, **limit})
        for generator in generators:
            for name, (train, holdout, target) in splits.items():
                if (name, generator) in known:
                    continue
                row = bench_one(name, generator, Path(folder), limits)
                if row["ok"]:
                    made = pd.read_parquet(Path(folder) / "made.parquet")
                    row |= score(train, holdout, made, target)
                note(row)
    return rows


def bench_one(name: str, generator: str, folder: Path, limits: Limits) -> dict[str, Any]:
    """Return what one generator's run on one data set cost; its rows are in `made.parquet`."""
    source, output = folder / f"{name}.parquet", folder / "made.parquet"
    output.unlink(missing_ok=True)
    rows = len(pd.read_parquet(source))
    try:
        job = {"train": str(source), "rows": rows, "output": str(output), "seed": SEED}
        run = run_one(generator, job, limits)
    except RuntimeError as failed:  # the peer could not be installed
        return {"data": name, "generator": generator, "ok": False, "note": str(failed)}
    return {
        "data": name,
        "generator": generator,
        "ok": run.ok and output.exists(),
        "note": run.note,
        "total_cpu_s": run.cpu_s,
        "wall_s": run.wall_s,
        "peak_mb": run.peak_mb,
        **run.answer,
    }


def line(row: dict[str, Any]) -> str:
    """Return one row of the table as Markdown."""
    if not row["ok"]:
        return f"| {row['data']} | {row['generator']} | did not finish: {row['note'][:70]} |"
    cost = [f"{row[k]:.1f}" if k in row else "" for k in ("fit_cpu_s", "sample_cpu_s", "peak_mb")]
    figures = [f"{row[k]:.3f}" for k in ("sdmetrics", "c2st_auc", "pair_tvd", "tstr", "dcr_share")]
    return "| " + " | ".join([row["data"], row["generator"], *cost, *figures, f"{row['copies']:.4f}"]) + " |"


def main() -> None:
    """Run what the command line names, print the table, write dated JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="*", default=list(DATA))
    parser.add_argument("--peers", nargs="*", default=list(PEERS))
    parser.add_argument("--timeout", type=float, default=420)
    parser.add_argument("--most-cpu", type=float, help="seconds of computing, fairer than the clock beside other work")
    parser.add_argument("--name", default="tabular")
    parser.add_argument("--add", action="store_true", help="add to today's file what it does not hold yet")
    options = parser.parse_args()
    earlier = read_result(options.name).get("rows", []) if options.add else []
    limits: Limits = {"timeout_s": options.timeout, "most_cpu_s": options.most_cpu}
    rows = bench(options.data, [OURS, *options.peers], limits, options.name, earlier)
    print(
        "| data | generator | fit CPU-s | sample CPU-s | peak MB | SDMetrics | C2ST | pair TVD | TSTR | DCR | copies |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(line(row))


if __name__ == "__main__":
    main()
