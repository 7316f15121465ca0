"""Which generator makes the best sequences, at what cost? `python -m benchmarks.sequence [--data ...] [--peers ...]`

Every peer and veridical learn the same entities (80 %, or of a few long series all but stretches all over their time)
and make as many; all are scored by the same measures on the entities, or stretches, that were kept back.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.environment import RESULTS, ROOT, Peer, Run, python_of, run_script, write_result
from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.schema import Schema
from veridical.measures.sequence.dynamics import Dynamics
from veridical.measures.sequence.privacy import EntityPrivacy
from veridical.measures.sequence.telling import Telling
from veridical.stages.holdout import Split
from veridical.stages.inputs import compare_inputs
from veridical.stages.learn import learn
from veridical.stages.sequence import split_sequences

SHARED = Path(os.environ.get("VERIDICAL_SHARED_DATA", ROOT.parent / "shared" / "data"))
SEED = 7
WINDOW = 96  # rows of one long series that peers without a notion of one are given as an entity
TORCH = "torch==2.13.0"
OURS = "veridical"
PEERS = {
    peer.name: peer
    for peer in (
        Peer(name="sdv", requirements=(TORCH, "sdv", "pyarrow"), script="sequence_par.py", options={"epochs": 128}),
        Peer(name="mostly", requirements=(TORCH, "mostlyai-engine", "pyarrow"), script="sequence_mostly.py",
             removed=("torchvision", "torchaudio"), options={"max_minutes": 2}),
        Peer(name="dgan", requirements=(TORCH, "pandas<3", "pyarrow", "scikit-learn", "scipy", "category_encoders"),
             no_dependencies=("gretel-synthetics==0.22.20",), script="sequence_dgan.py", options={"epochs": 400}),
    )
}  # fmt: skip
Frames = Callable[[], pd.DataFrame]


def _sp500() -> pd.DataFrame:
    frame = pd.read_parquet(SHARED / "sp500_stocks/sp500_stocks.parquet")
    frame["Name"] = frame["Name"].astype(str)
    return frame.groupby("Name").head(250).reset_index(drop=True)


def _weather() -> pd.DataFrame:
    frame = pd.read_parquet(SHARED / "nycflights13/weather.parquet")
    return frame.drop(columns=["year", "month", "day", "hour"])


def _walmart() -> pd.DataFrame:
    frame = pd.read_parquet(SHARED / "walmart_sales/sales.parquet")
    frame = frame[frame["Store"] <= 10]
    key = frame["Store"].astype(str) + "-" + frame["Dept"].astype(str)
    return frame.drop(columns=["Store", "Dept"]).assign(series=key)[["series", "Date", "Weekly_Sales", "IsHoliday"]]


DATA: dict[str, tuple[Frames, str | None, str, list[str]]] = {  # frame, key, time, what never changes
    "sp500_stocks": (_sp500, "Name", "date", []),
    "pbcseq": (lambda: pd.read_parquet(SHARED / "pbcseq/pbcseq.parquet"), "id", "day",
               ["futime", "status", "trt", "age", "sex"]),
    "walmart_sales": (_walmart, "series", "Date", []),
    "etth": (lambda: pd.read_csv(SHARED / "etth/ETTh1.csv.gz", parse_dates=["date"])[:8000], None, "date", []),
    "air_quality_uci": (lambda: pd.read_parquet(SHARED / "air_quality_uci/air_quality_uci.parquet"), None,
                        "datetime", []),
    "weather": (_weather, "origin", "time_hour", []),
}  # fmt: skip


def run_one(name: str, job: dict[str, Any], *, timeout_s: float, most_cpu_s: float) -> Run:
    """Run one generator on one job; it is stopped after so many seconds of computing."""
    folder = ROOT / "benchmarks" / "peers"
    limits = {"timeout_s": timeout_s, "most_cpu_s": most_cpu_s}
    if name == OURS:
        return run_script(Path(sys.executable), folder / "sequence_veridical.py", job, **limits)
    peer = PEERS[name]
    return run_script(python_of(peer), folder / peer.script, {**job, **peer.options}, **limits)


def scores(train: pa.Table, holdout: pa.Table, made: pa.Table, schema: Schema) -> dict[str, Any]:
    """Return every figure of sequences, its ceiling beside it."""
    given = Evidence(train=Dataset.of(train), synthetic=Dataset.of(made), holdout=Dataset.of(holdout), schema=schema)
    ctx = RunContext(seed=SEED)
    evidence = compare_inputs(given).evidence
    found = [*Dynamics(replicates=10).measure(evidence, ctx), *Telling().measure(evidence, ctx)]
    found += EntityPrivacy().run(evidence, ctx)
    figures: dict[str, Any] = {f.check: {"value": f.value, "ceiling": f.ceiling} for f in found}
    for one in _beside_learned(given, ctx):
        figures[one.check]["beside_learned"] = one.value
    figures["sequence.length_ks"]["beside_all"] = lengths_apart(made, [train, holdout], schema)
    figures["rules_broken"] = broken(made, schema)
    return figures


def _beside_learned(given: Evidence, ctx: RunContext) -> list[Any]:
    """The same figures beside what was learned: of one long series, what is kept back lies in another time."""
    evidence = compare_inputs(replace(given, holdout=None)).evidence
    return [*Dynamics(replicates=10).measure(evidence, ctx), *Telling().measure(evidence, ctx)]


def lengths_apart(made: pa.Table, real: list[pa.Table], schema: Schema) -> float | None:
    """Return how far lengths lie apart from those of all real entities (Kolmogorov-Smirnov); None of few series."""
    keys = list(schema.only.series or ())
    if not keys:
        return None
    both = [pa.concat_tables([one.select(keys) for one in real]), made.select(keys)]
    counts = [np.sort(one.to_pandas().groupby(keys, observed=True).size().to_numpy()) for one in both]
    if len(counts[0]) < 10:
        return None  # stations, not a law of entities
    at = np.unique(np.concatenate(counts))
    shares = [np.searchsorted(one, at, side="right") / len(one) for one in counts]
    return float(np.abs(shares[0] - shares[1]).max())


def broken(made: pa.Table, schema: Schema) -> float:
    """Return the share of rows that break an order between columns that all train rows keep."""
    frame = made.to_pandas()
    wrong = pd.Series(False, index=frame.index)
    for rule in schema.only.constraints:
        if rule.type == "inequality" and set(rule.columns) <= set(frame.columns):
            for low, high in zip(rule.columns, rule.columns[1:], strict=False):
                wrong |= frame[low] > frame[high]
    return float(wrong.mean())


def main() -> None:
    """Run the benchmark and write `results/sequence-<date>.json`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="*", default=list(DATA))
    parser.add_argument("--peers", nargs="*", default=[OURS, *PEERS])
    parser.add_argument("--timeout-s", type=float, default=1200)
    parser.add_argument("--most-cpu-s", type=float, default=300)
    asked = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for data in asked.data:
            task = Task.of(data, Path(folder))
            results[data] = {"rows": task.job["rows"], "entities": task.job["entities"]}
            for name in asked.peers:
                job = {**task.job, "output": str(Path(folder) / f"{data}-{name}.parquet")}
                if name == OURS and task.is_few:
                    job["entities"] = None
                run = run_one(name, job, timeout_s=asked.timeout_s, most_cpu_s=asked.most_cpu_s)
                figures = task.scored(run, Path(job["output"]))
                results[data][name] = figures
                print(data, name, {k: v for k, v in figures.items() if k in _SHOWN}, flush=True)
                print(_written(results), flush=True)


@dataclass(frozen=True)
class Task:
    """One set, split, and what is asked of each generator."""

    parts: Split
    schema: Schema
    key: str | None
    job: dict[str, Any]

    @classmethod
    def of(cls, data: str, folder: Path) -> Task:
        """Return the task of a set, its train part written into the folder."""
        frames, key, time, static = DATA[data]
        whole = Dataset.of(pa.Table.from_pandas(frames(), preserve_index=False))
        schema = _schema(whole, key, time)
        parts = split_sequences(whole, 0.2, RunContext(seed=SEED), schema)
        train = folder / f"{data}.parquet"
        pq.write_table(parts.train.only, train)
        # Of few series stretches all over their time are kept back: what is made spans all of it.
        rows = whole.rows if key is None or schema.only.unit is None else parts.train.rows
        entities = max(rows // WINDOW, 1) if key is None else parts.train.only[key].to_pandas().nunique()
        job = {
            "train": str(train), "rows": rows, "entities": entities, "key": key, "time": time, "static": static,
            "window": WINDOW, "seed": SEED,
        }  # fmt: skip
        return cls(parts, schema, key, job)

    @property
    def is_few(self) -> bool:
        """Whether the set is one of a few long series."""
        return self.key is None or self.schema.only.unit is None

    def scored(self, run: Run, output: Path) -> dict[str, Any]:
        """Return the cost of a run and the figures of what it made, or why there are none."""
        figures: dict[str, Any] = {"cpu_s": round(run.cpu_s, 1), "peak_mb": round(run.peak_mb), **run.answer}
        if not run.ok:
            return {**figures, "note": run.note}
        assert self.parts.holdout is not None
        train = self.parts.train.only
        try:
            made = _keyed(pq.read_table(output), train, self.key)
            return figures | scores(train, self.parts.holdout.only, made, self.schema)
        except Exception as wrong:  # noqa: BLE001 - one peer's odd output must not end the run
            return {**figures, "note": f"not scored: {wrong}"}


def _keyed(made: pa.Table, train: pa.Table, key: str | None) -> pa.Table:
    """Return the table with its entities numbered, where train's are numbers and a peer wrote texts."""
    if key is None or made[key].type == train[key].type or not pa.types.is_integer(train[key].type):
        return made
    codes = made[key].combine_chunks().cast(pa.string()).dictionary_encode().indices.cast(train[key].type)
    return made.set_column(made.column_names.index(key), key, codes)


def _written(results: dict[str, Any]) -> Path:
    """Write the results beside those of other sets and generators that were measured today."""
    path = RESULTS / f"sequence-{dt.date.today().isoformat()}.json"
    sets: dict[str, Any] = json.loads(path.read_text())["sets"] if path.exists() else {}
    for data, figures in results.items():
        sets[data] = {**sets.get(data, {}), **figures}
        ours = sets[data].get(OURS, {}).get("cpu_s")
        for name in PEERS:
            if ours and name in sets[data]:
                sets[data][name]["cpu_times_ours"] = round(sets[data][name]["cpu_s"] / ours, 1)
    return write_result("sequence", {"seed": SEED, "sets": sets})


_SHOWN = ("cpu_s", "note", "sequence.discriminative", "sequence.lag_1", "sequence.length_ks", "rules_broken")


def _schema(whole: Dataset, key: str | None, time: str) -> Schema:
    schema = learn(whole, RunContext(seed=SEED)).schema
    series = () if key is None else (key,)
    table = replace(schema.only, series=series, order_by=time)
    return replace(schema, tables=(table,))


if __name__ == "__main__":
    main()
