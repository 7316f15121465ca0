"""How good and how fast are linked tables beside peers? `python -m benchmarks.linked [--data NAME] [--only NAME]`."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.environment import RESULTS, ROOT, Peer, python_of, run_script, write_result
from benchmarks.linked_area import areas, worst
from benchmarks.sequence import PEERS as SEQUENCE_PEERS

SHARED = ROOT.parent / "shared" / "data"
SETS: dict[str, tuple[str, ...]] = {  # and the lookup tables that are kept as they are
    "nycflights13": ("airlines", "airports"), "chinook": (), "movielens_small": (), "nafld": (), "synthea_sample": (),
    "walmart_sales": (), "walmart_sales, stores and features kept": ("stores", "features"),
}  # fmt: skip
OURS = "veridical"
PEERS = (
    Peer(name=OURS, requirements=(), script="linked_veridical.py"),
    replace(SEQUENCE_PEERS["sdv"], script="linked_sdv.py", options={}),
    Peer(
        name="mostly-linked",
        requirements=("torch==2.13.0", "mostlyai[local]", "pyarrow"),
        removed=("torchvision", "torchaudio"),  # built for another torch
        script="linked_mostly.py",
        options={"minutes": 0.5},
    ),
)
MOST_CPU_S = 480.0  # for a peer on one set; ours is not stopped
MOST_WALLS = 4.0  # times as long by the clock, on a machine that others use too
JUDGED_ROWS = 12_000


def main() -> None:
    """Run every generator on every data set, and write a dated JSON file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", action="append", choices=sorted(SETS))
    parser.add_argument("--only", action="append", choices=[peer.name for peer in PEERS])
    parser.add_argument("--most-cpu-s", type=float, default=MOST_CPU_S)
    asked = parser.parse_args()
    rows = []
    for name in asked.data or list(SETS):
        if not _folder(name).is_dir():
            print(f"{name}: not here, left out")
            continue
        for peer in PEERS:
            if (asked.only and peer.name not in asked.only) or ("," in name and peer.name != OURS):
                continue
            rows.append(one(name, peer, asked.most_cpu_s))
            print(json.dumps(rows[-1])[:300], flush=True)
            print(_written(rows), flush=True)


def _folder(name: str) -> Path:
    return SHARED / name.partition(",")[0]


def _written(rows: list[dict[str, Any]]) -> Path:
    """Write the rows beside those of other sets and generators that were measured today."""
    path = RESULTS / f"linked-{dt.date.today().isoformat()}.json"
    known = json.loads(path.read_text())["rows"] if path.exists() else []
    new = {(row["data"], row["generator"]) for row in rows}
    kept = [row for row in known if (row["data"], row["generator"]) not in new]
    order = list(SETS)
    both = sorted([*kept, *rows], key=lambda row: (order.index(row["data"]), row["generator"] != OURS))
    return write_result("linked", {"rows": both})


def one(name: str, peer: Peer, most_cpu_s: float) -> dict[str, Any]:
    """Return the costs and the quality of one generator on one data set."""
    from veridical.connect.source import read
    from veridical.core.dataset import Dataset
    from veridical.spec import schema_yaml
    from veridical.stages.learn import learn

    data = read(_folder(name))
    schema = learn(data).schema
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        path = Path(folder) / "schema.yaml"
        path.write_text(schema_yaml.dump(schema))
        job = {
            "source": str(_folder(name)), "out": str(out), "keep": list(SETS[name]), "seed": 1,
            "links": [{"table": k.table, "columns": k.columns, "parent": k.parent, "parent_columns": k.parent_columns}
                      for k in schema.foreign_keys],
            "keys": {t.name: t.primary_key[0] for t in schema.tables if len(t.primary_key) == 1},
        }  # fmt: skip
        python = Path(sys.executable) if peer.name == OURS else python_of(peer)
        run = run_script(
            python, Path(__file__).parent / "peers" / peer.script, {**job, **peer.options},
            timeout_s=MOST_WALLS * most_cpu_s, most_cpu_s=None if peer.name == OURS else most_cpu_s,
        )  # fmt: skip
        row: dict[str, Any] = {
            "data": name, "generator": peer.name, "ok": run.ok, "note": run.note, "cpu_s": round(run.cpu_s, 1),
            "peak_mb": round(run.peak_mb), **run.answer,
        }  # fmt: skip
        if run.ok:
            made = Dataset({table: read(out / f"{table}.parquet").only for table in data.tables})
            row |= quality(data, made, schema)
            row |= ceiling(data, schema) if peer.name == OURS and "," not in name else {}
        return row


def ceiling(data: Any, schema: Any) -> dict[str, Any]:
    """Return the areas under the curve of one half of the entities beside the other: a second real sample's."""
    from veridical.core.contracts import RunContext
    from veridical.stages.linked_cut import split

    parts = split(data, schema, 0.5, RunContext(seed=1))
    found = quality(parts.holdout, parts.train, schema)
    return {"joined_auc_ceiling": found["joined_auc"], "chain_auc_ceiling": found["chain_auc"]}


def quality(data: Any, made: Any, schema: Any) -> dict[str, Any]:
    """Return cardinality distances and broken shares by key, and areas under the curve of joined rows.

    `joined_auc` splits rows at random, so that a judge knows few parents by heart; `chain_auc` splits by parent.
    """
    from veridical.measures.linked.key import _kolmogorov
    from veridical.measures.linked.side import common_of, joined
    from veridical.prepare.link import point

    keys = {}
    for link in schema.foreign_keys:
        one, two = point(data.tables, link), point(made.tables, link)
        keys[f"{link.table}.{'+'.join(link.columns)}"] = {
            "ks": _kolmogorov(one.counts[: one.present], two.counts[: two.present])[0],
            "broken": [one.broken_share, two.broken_share],
        }
    common = common_of(data, schema)
    table = max((link.table for link in schema.foreign_keys), key=lambda name: data.tables[name].num_rows)
    sides = [joined(side, schema, table, common).rows for side in (data, made)]
    chains = areas(data, made, schema, table)
    return {"keys": keys, "worst_ks": max(held["ks"] for held in keys.values()), "joined": table,
            "joined_auc": area(*sides), "by_chain": chains, "chain": worst(chains)[0],
            "chain_auc": worst(chains)[1]}  # fmt: skip


def area(real: pa.Table, made: pa.Table) -> float:
    """Return the area under the curve of LightGBM that tells joined rows apart, on rows it did not learn from."""
    import lightgbm
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split

    rng = np.random.default_rng(0)
    size = min(JUDGED_ROWS, real.num_rows, made.num_rows)
    names = [name for name in real.column_names if name in made.column_names]
    parts = [
        side.select(names).take(pa.array(rng.permutation(side.num_rows)[:size])).to_pandas() for side in (real, made)
    ]
    import pandas

    both = pandas.concat(parts, ignore_index=True)
    for name in both:
        if not pandas.api.types.is_numeric_dtype(both[name]):
            dated = pandas.api.types.is_datetime64_any_dtype(both[name])
            both[name] = both[name].astype("int64") if dated else both[name].astype(str).astype("category").cat.codes
    both.columns = [f"c{i}" for i in range(both.shape[1])]
    label = np.repeat([1, 0], size)
    one, two, here, there = train_test_split(both, label, test_size=0.4, random_state=0)
    model = lightgbm.LGBMClassifier(n_estimators=150, verbose=-1, n_jobs=1).fit(one, here)
    return float(roc_auc_score(there, model.predict_proba(two)[:, 1]))


if __name__ == "__main__":
    main()
