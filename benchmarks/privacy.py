"""How much of a table survives an epsilon, at what cost? `python -m benchmarks.privacy [--epsilon 1] [--tools ...]`

All learn the same 80 % of Adult at delta 1e-6 and are scored on the other 20 %. Peers get bounds and categories for
free; ours pays for them. `--wide` times ours on tables of 25 and 50 columns instead.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.environment import ROOT, Peer, python_of, run_script, write_result
from benchmarks.tabular import DATA, SHARED, load
from benchmarks.tabular_score import aligned, c2st_auc, is_numeric, pair_tvd, tstr_auc

OURS = ("aim", "mst", "dp-sgd", "dp-independent")
_DPMM = ("dpmm", "pyarrow", "pandas<3")
PEERS = {
    "dpmm-aim": Peer(name="dpmm", requirements=_DPMM, script="dpmm_table.py", options={"class": "AIMPipeline"}),
    "dpmm-mst": Peer(name="dpmm", requirements=_DPMM, script="dpmm_table.py", options={"class": "MSTPipeline"}),
    "dpmm-privbayes": Peer(
        name="dpmm", requirements=_DPMM, script="dpmm_table.py", options={"class": "PrivBayesPipeline"}
    ),
    "smartnoise-mst": Peer(
        name="smartnoise", requirements=("smartnoise-synth", "pyarrow"), script="smartnoise_table.py"
    ),
}
WIDE = {"credit_default": None, "diabetes130": "patient_nbr"}


def triple_tvd(synthetic: pd.DataFrame, holdout: pd.DataFrame, *, bins: int = 6, most: int = 120) -> float:
    """Return the mean total variation distance over triples of columns (every so-manieth of them)."""
    codes = [_coded(synthetic[name], holdout[name], bins) for name in holdout]
    chosen = list(combinations(range(len(codes)), 3))
    distances = []
    for places in chosen[:: max(1, len(chosen) // most)]:
        sizes = [codes[p][2] for p in places]
        real, fake = (np.ravel_multi_index([codes[p][side] for p in places], sizes) for side in (1, 0))
        cells = int(np.prod(sizes))
        shares = [np.bincount(side, minlength=cells) / len(side) for side in (real, fake)]
        distances.append(0.5 * np.abs(shares[0] - shares[1]).sum())
    return float(np.mean(distances))


def _coded(fake: pd.Series, real: pd.Series, bins: int) -> tuple[Any, Any, int]:
    if is_numeric(real):
        edges = np.unique(real.quantile(np.linspace(0, 1, bins + 1)[1:-1]))
        sides = [np.searchsorted(edges, side.fillna(-1e18), side="right") for side in (fake, real)]
        return sides[0], sides[1], len(edges) + 1
    levels = {value: place for place, value in enumerate(real.value_counts().index[:20])}
    sides = [side.map(levels).astype(float).fillna(len(levels)).astype(int).to_numpy() for side in (fake, real)]
    return sides[0], sides[1], len(levels) + 1


def bench(tool: str, epsilon: float, timeout_s: float) -> dict[str, Any]:
    """Return what one tool made of Adult at one epsilon, and what it cost."""
    train, holdout, target = load("adult")
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "train.parquet", Path(folder) / "made.parquet"
        train.to_parquet(source)
        job = {"train": str(source), "output": str(output), "rows": len(train), "epsilon": epsilon}
        row: dict[str, Any] = {"tool": tool, "epsilon": epsilon}
        try:
            run = _run(tool, job, timeout_s)
        except RuntimeError as failed:
            return {**row, "ok": False, "note": str(failed)[:200]}
        row |= {"ok": run.ok, "note": run.note, "cpu_s": run.cpu_s, "wall_s": run.wall_s, "peak_mb": run.peak_mb}
        if not run.ok:
            return row
        real, fake = aligned(holdout, train), aligned(pd.read_parquet(output), train)
    return row | {
        "pair_tvd": pair_tvd(fake, real),
        "triple_tvd": triple_tvd(fake, real),
        "c2st_auc": c2st_auc(fake, real),
        "tstr": tstr_auc(fake, real, target),
    }


def wide(name: str, timeout_s: float) -> dict[str, Any]:
    """Return what ours costs on a wide table, its unit kept."""
    frame = pd.read_parquet(SHARED / DATA[name]["path"])
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "train.parquet"
        frame.to_parquet(source)
        job = {"train": str(source), "output": str(Path(folder) / "made.parquet"), "rows": len(frame), "epsilon": 1.0}
        run = _run("aim", {**job, "unit": WIDE[name]}, timeout_s)
    cost = {"cpu_s": run.cpu_s, "wall_s": run.wall_s, "peak_mb": run.peak_mb}
    return {
        "tool": "aim",
        "data": name,
        "columns": frame.shape[1],
        "epsilon": 1.0,
        "ok": run.ok,
        "note": run.note,
        **cost,
    }


def _run(tool: str, job: dict[str, Any], timeout_s: float) -> Any:
    scripts = ROOT / "benchmarks" / "peers"
    if tool in OURS:
        return run_script(
            Path(sys.executable), scripts / "veridical_private.py", {**job, "engine": tool}, timeout_s=timeout_s
        )
    peer = PEERS[tool]
    return run_script(python_of(peer), scripts / peer.script, {**job, **peer.options}, timeout_s=timeout_s)


def main() -> None:
    """Run what was asked for and write a dated JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epsilon", type=float, nargs="+", default=[0.3, 1.0, 8.0])
    parser.add_argument("--tools", nargs="+", default=[*OURS, *PEERS])
    parser.add_argument("--timeout", type=float, default=200.0)
    parser.add_argument("--wide", action="store_true")
    parser.add_argument("--name", default="privacy")
    told = parser.parse_args()
    rows = []
    if told.wide:
        rows = [wide(name, told.timeout) for name in WIDE]
    else:
        for tool in told.tools:
            for epsilon in told.epsilon:
                rows.append(bench(tool, epsilon, told.timeout))
                write_result(told.name, {"delta": 1e-6, "rows": rows})  # a run cut short keeps what it found
                print({k: round(v, 4) if isinstance(v, float) else v for k, v in rows[-1].items()}, flush=True)
    print(write_result(told.name, {"delta": 1e-6, "rows": rows}))


if __name__ == "__main__":
    main()
