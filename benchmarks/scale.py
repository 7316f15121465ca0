"""What does size cost? `python -m benchmarks.scale [--fit 1000000] [--flights 3000000] [--draw 10000000]`

Three steps, each in a process of its own whose peak memory is told: a table of 15 columns (Adult, drawn with
repetition, its weight column jittered) is fitted and as many rows are drawn; the flights table is fitted, from its file
and once more as a table held in memory; many rows are drawn to Parquet at two sizes, so that memory which grows with
the number of rows is seen. `--draw 1e8` is the full run. A size of 0 leaves its step out.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.environment import ROOT, run_script, write_result

SHARED = Path(os.environ.get("VERIDICAL_SHARED_DATA", ROOT.parent / "shared" / "data"))
ADULT = ROOT / "src" / "veridical" / "data" / "adult.parquet"
FLIGHTS = SHARED / "flights_3m"
SCRIPT = ROOT / "benchmarks" / "peers" / "veridical_scale.py"
JITTERED = "fnlwgt"


def wide_sample(rows: int, path: Path, seed: int = 0) -> None:
    """Write `rows` rows of Adult, drawn with repetition."""
    rng = np.random.default_rng(seed)
    table = pq.read_table(ADULT).replace_schema_metadata(None)
    table = table.take(pa.array(rng.integers(table.num_rows, size=rows)))
    if JITTERED in table.column_names:
        place = table.column_names.index(JITTERED)
        values = table[JITTERED].to_numpy() + rng.integers(-500, 501, rows)
        table = table.set_column(place, JITTERED, pa.array(values))
    pq.write_table(table, path)


def some_flights(rows: int, path: Path) -> None:
    """Write the first `rows` flights; all of them as their file lies."""
    source = next(FLIGHTS.glob("*.parquet"))
    if pq.read_metadata(source).num_rows <= rows:
        path.symlink_to(source)
    else:
        pq.write_table(pq.read_table(source).slice(0, rows), path)


def step(name: str, timeout_s: float, **job: Any) -> dict[str, Any]:
    """Run one step and return what it cost."""
    done = run_script(Path(sys.executable), SCRIPT, job, timeout_s=timeout_s)
    found = {"step": name, "ok": done.ok, "cpu_s": done.cpu_s, "peak_mb": done.peak_mb, "note": done.note}
    found |= done.answer
    if job["what"] == "fit":
        found["table_mb"] = run_script(
            Path(sys.executable), SCRIPT, {**job, "what": "size"}, timeout_s=timeout_s
        ).answer["table_mb"]
        found["peak_over_table"] = done.peak_mb / found["table_mb"]
    print({key: round(value, 2) if isinstance(value, float) else value for key, value in found.items()}, flush=True)
    return found


def bench(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Return the cost of every step that was asked for."""
    rows: list[dict[str, Any]] = []
    model, drawn = str(folder / "model"), str(folder / "drawn.parquet")
    if options.fit or options.draw:
        size = int(options.fit or 100_000)
        wide_sample(size, folder / "wide.parquet")
        rows.append(step("fit", options.timeout, what="fit", train=str(folder / "wide.parquet"), model=model))
        rows.append(step("draw", options.timeout, what="sample", model=model, rows=size, output=drawn, workers=1))
    for size in (int(options.draw) // 10, int(options.draw)) if options.draw else ():
        rows.append(step("draw", options.timeout, what="sample", model=model, rows=size, output=drawn))
    if options.flights:
        flights = str(folder / "flights.parquet")
        some_flights(int(options.flights), Path(flights))
        for name, held in (("fit flights", False), ("fit flights held", True)):
            job = {"what": "fit", "train": flights, "held": held, "model": str(folder / name)}
            rows.append(step(name, options.timeout, **job))
    return rows


def main() -> None:
    """Run the steps and write the dated result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fit", type=float, default=1e6)
    parser.add_argument("--flights", type=float, default=3e6)
    parser.add_argument("--draw", type=float, default=1e7)
    parser.add_argument("--timeout", type=float, default=3600)
    parser.add_argument("--no-write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = bench(options, Path(folder))
    if not options.no_write:
        asked = {name: getattr(options, name) for name in ("fit", "flights", "draw")}
        print(write_result("scale", {"asked": asked, "rows": rows}))


if __name__ == "__main__":
    main()
