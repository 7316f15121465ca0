"""How much of a table survives an epsilon, at what cost? `python -m benchmarks.privacy [--epsilon 1] [--tools ...]`

All learn the same 80 % of a table at delta 1e-6 and are scored on the other 20 %. Peers get bounds and categories for
free; ours pays for them. Noise is real, so every run differs: `--repeats` runs each again. Rows that were measured
earlier on the same day stay in the file unless the same tool, data and epsilon are run again. `--wide` times ours on
tables of 25 and 50 columns instead.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.environment import ROOT, Peer, python_of, read_result, run_script, write_result
from benchmarks.tabular import DATA, SHARED, load
from benchmarks.tabular_score import aligned, c2st_auc, is_numeric, pair_tvd, tstr_auc
from veridical.privacy.ledger import Budget

OURS = ("aim", "mst", "dp-sgd", "dp-independent")
_OPENDP = ("opendp[mbi,polars]", "pandas", "pyarrow")
_DPMM = ("dpmm", "pyarrow<20", "pandas<3")
PEERS = {
    "dpmm-aim": Peer(name="dpmm", requirements=_DPMM, script="dpmm_table.py", options={"class": "AIMPipeline"}),
    "dpmm-mst": Peer(name="dpmm", requirements=_DPMM, script="dpmm_table.py", options={"class": "MSTPipeline"}),
    "dpmm-privbayes": Peer(
        name="dpmm", requirements=_DPMM, script="dpmm_table.py", options={"class": "PrivBayesPipeline"}
    ),
    "smartnoise-mst": Peer(
        name="smartnoise", requirements=("smartnoise-synth", "pyarrow"), script="smartnoise_table.py"
    ),
    "smartnoise-aim": Peer(
        name="smartnoise",
        requirements=("smartnoise-synth", "pyarrow"),
        script="smartnoise_table.py",
        options={"synthesizer": "aim"},
    ),
    "mbi-aim": Peer(name="mbi", requirements=("mbi", "pandas", "pyarrow"), script="mbi_aim_table.py"),
    "opendp-aim": Peer(name="opendp", requirements=_OPENDP, script="opendp_table.py"),
    "opendp-mst": Peer(name="opendp", requirements=_OPENDP, script="opendp_table.py", options={"algorithm": "mst"}),
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


def bench(tool: str, epsilon: float, timeout_s: float, *, data: str = "adult", repeat: int = 0) -> dict[str, Any]:
    """Return what one tool made of a table at one epsilon, and what it cost."""
    train, holdout, target = load(data)
    with tempfile.TemporaryDirectory() as folder:
        source, output = Path(folder) / "train.parquet", Path(folder) / "made.parquet"
        train.to_parquet(source)
        job = {"train": str(source), "output": str(output), "rows": len(train), "epsilon": epsilon}
        job["rho"] = Budget(epsilon=epsilon, delta=1e-6).rho
        row: dict[str, Any] = {"tool": tool, "data": data, "epsilon": epsilon, "repeat": repeat}
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
        "tstr": None if target is None else tstr_auc(fake, real, target),
    }


def wide(name: str, timeout_s: float) -> dict[str, Any]:
    """Return what ours costs on a wide table, its unit kept."""
    frame = pd.read_parquet(SHARED / DATA[name]["path"])
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "train.parquet"
        frame.to_parquet(source)
        job = {"train": str(source), "output": str(Path(folder) / "made.parquet"), "rows": len(frame), "epsilon": 1.0}
        run = _run("aim", {**job, "unit": WIDE[name]}, timeout_s)
    cost: dict[str, Any] = {"cpu_s": run.cpu_s, "wall_s": run.wall_s, "peak_mb": run.peak_mb}
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
    job = {**job, **peer.options}
    return run_script(python_of(peer), scripts / peer.script, job, timeout_s=6 * timeout_s, most_cpu_s=timeout_s)


def main() -> None:
    """Run what was asked for and write a dated JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epsilon", type=float, nargs="+", default=[0.3, 1.0, 8.0])
    parser.add_argument("--tools", nargs="+", default=[*OURS, *PEERS])
    parser.add_argument("--timeout", type=float, default=300.0, help="CPU-seconds of a peer; seconds of ours")
    parser.add_argument("--wide", action="store_true")
    parser.add_argument("--name", default="privacy")
    parser.add_argument("--data", nargs="+", default=["adult"])
    parser.add_argument("--repeats", type=int, default=1)
    told = parser.parse_args()
    if told.wide:
        print(write_result(told.name, {"delta": 1e-6, "rows": [wide(name, told.timeout) for name in WIDE]}))
        return
    for tool, data, epsilon, repeat in product(told.tools, told.data, told.epsilon, range(told.repeats)):
        row = bench(tool, epsilon, told.timeout, data=data, repeat=repeat)
        rows = [old for old in read_result(told.name).get("rows", []) if _same(old) != _same(row)]
        write_result(told.name, {"delta": 1e-6, "rows": [*rows, row]})  # a run cut short keeps what it found
        print({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}, flush=True)


def _same(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in ("tool", "data", "epsilon", "repeat"))


if __name__ == "__main__":
    main()
