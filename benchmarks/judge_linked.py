"""Is the judge right on linked tables and on sequences: does it pass a second real sample, and catch planted faults?

    python -m benchmarks.judge_linked               all; the dated JSON, and a table in docs/validation.md
    python -m benchmarks.judge_linked --splits 2    fewer known-good splits

Known good is a second real sample by entities (patients, films, shares), each with all of its rows. Known bad is that
sample with one fault planted at a strength; it counts as caught when a gate *meant* for that fault fails.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.environment import ROOT, write_result
from benchmarks.judge import NOT_GATED, SHARED, Rng, first_caught
from benchmarks.planted_linked import (
    Sides,
    backwards,
    copied_series,
    copied_tables,
    cut_short,
    flattened,
    orphans,
    shuffled_keys,
    shuffled_steps,
    thinned,
)
from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.finding import Outcome, Verdict
from veridical.core.schema import Schema
from veridical.gates.catalog import SEQUENCE, built_in
from veridical.gates.judge import Fingerprints, judge
from veridical.measures.sequence.dynamics import Dynamics
from veridical.measures.sequence.privacy import EntityPrivacy
from veridical.measures.sequence.telling import Telling
from veridical.stages.holdout import Split
from veridical.stages.inputs import compare_inputs
from veridical.stages.learn import learn
from veridical.stages.linked_cut import cut, split
from veridical.stages.linked_validate import validate_linked
from veridical.stages.sequence import split_sequences
from veridical.stages.validate import validate

DOCS = ROOT / "docs" / "validation.md"
PARTIAL = Path(tempfile.gettempdir()) / "veridical-judge-linked.jsonl"  # an interrupted run goes on from there
SPLITS = 20
STRENGTHS = (1.0, 0.3, 0.15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a set comes from; `share` of its entities is used, so that a split is judged in seconds."""

    read: Callable[[], Dataset]
    share: float = 1.0
    series: tuple[str, str] | None = None  # of sequences: the column that names the entity, and the one of time


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way to be bad: how it is planted at a strength, and the gates meant for it."""

    name: str
    source: str
    plant: Callable[[Sides, float, Rng], Dataset]
    meant: tuple[str, ...]
    strength_is: str = "share of rows"


def _folder(name: str, tables: Sequence[str]) -> Dataset:
    return Dataset(
        {one: pq.read_table(SHARED / name / f"{one}.parquet").replace_schema_metadata(None) for one in tables}
    )


def _walmart() -> Dataset:
    rows = pq.read_table(SHARED / "walmart_sales/sales.parquet").replace_schema_metadata(None)
    rows = rows.filter(pc.less_equal(rows["Store"], 12))
    names = pc.binary_join_element_wise(rows["Store"].cast(pa.string()), rows["Dept"].cast(pa.string()), "-")
    return Dataset.of(rows.drop_columns(["Store", "Dept"]).append_column("series", names))


SOURCES = {
    "nafld": Source(read=lambda: _folder("nafld", ("nafld1", "nafld2", "nafld3")), share=0.05),
    "movielens_small": Source(
        read=lambda: _folder("movielens_small", ("movies", "links", "ratings", "tags")), share=0.2
    ),
    "pbcseq": Source(
        read=lambda: Dataset.of(pq.read_table(SHARED / "pbcseq/pbcseq.parquet").replace_schema_metadata(None)),
        series=("id", "day"),
    ),
    "walmart_sales": Source(read=_walmart, share=0.12, series=("series", "Date")),
}


@cache
def whole(name: str) -> tuple[Dataset, Schema]:
    """Return a set, or the part of it that is used, and its schema."""
    source = SOURCES[name]
    data = source.read()
    schema = learn(data).schema
    if source.series is None:
        return cut(data, schema, share=source.share, ctx=RunContext(seed=3)).data, schema
    key, time_column = source.series
    schema = replace(schema, tables=(replace(schema.only, series=(key,), order_by=time_column, unit=key),))
    if source.share < 1:
        part = split_sequences(data, source.share, RunContext(seed=3), schema).holdout
        assert part is not None
        data = part
    return data, schema


def three(name: str, seed: int) -> Sides:
    """Return three samples by entity."""
    data, schema = whole(name)

    def parted(rows: Dataset, share: float, place: int) -> Split:
        ctx = RunContext(seed=100 * seed + place)
        if SOURCES[name].series is None:
            return split(rows, schema, share, ctx)
        return split_sequences(rows, share, ctx, schema)

    first = parted(data, 1 / 3, 1)
    second = parted(first.train, 1 / 2, 2)
    assert first.holdout is not None
    assert second.holdout is not None
    return Sides(second.train, first.holdout, second.holdout, schema)


def failed_gates(sides: Sides, synthetic: Dataset, seed: int) -> list[str]:
    """Return the checks whose gates stop a release under `share`."""
    ctx = RunContext(seed=seed)
    given = {"train": sides.train, "holdout": sides.holdout, "synthetic": synthetic, "schema": sides.schema}
    if len(sides.schema.tables) > 1:
        verdict = validate_linked(**given, gates="share", ctx=ctx).verdict  # type: ignore[arg-type]
    else:
        verdict = validate(**given, gates="share", ctx=ctx, leave_out=NOT_GATED).verdict  # type: ignore[arg-type]
    return _stopped(verdict)


def failed_sequence_gates(sides: Sides, synthetic: Dataset, seed: int) -> list[str]:
    """Return the checks of sequences alone that stop a release: what planted faults are told by, for less time."""
    ctx = RunContext(seed=seed)
    given = Evidence(train=sides.train, holdout=sides.holdout, synthetic=synthetic, schema=sides.schema)
    evidence = compare_inputs(given).evidence
    found = [*Dynamics().measure(evidence, ctx), *Telling().measure(evidence, ctx), *EntityPrivacy().run(evidence, ctx)]
    prints = Fingerprints(
        synthetic=synthetic.fingerprint, real=sides.train.fingerprint, schema=sides.schema.fingerprint
    )
    return _stopped(judge(found, built_in(SEQUENCE), prints))


def _stopped(verdict: Verdict) -> list[str]:
    unmeasured = Outcome.NOT_MEASURED
    return sorted({r.gate.check + (" ?" if r.outcome is unmeasured else "") for r in verdict.failures})


_TOGETHER = ("linked.belonging", "linked.trends", "linked.joined", "linked.aggregated")
_COPIES = ("privacy.exact_copies", "privacy.near_copies", "privacy.dcr_share")
_MEMORY = ("sequence.lag_1", "sequence.autocorrelation", "sequence.discriminative", "sequence.predictive",
           "sequence.cross_correlation")  # fmt: skip
FAULTS = tuple(
    Fault(name=f"{name}, {source}", source=source, plant=plant, meant=meant, strength_is=strength)
    for sources, name, plant, meant, strength in (
        (("nafld", "movielens_small"), "shuffled keys", shuffled_keys, _TOGETHER, "share of rows"),
        (("nafld", "movielens_small"), "cardinality flattened", flattened, ("linked.cardinality",), "share of rows"),
        (("nafld", "movielens_small"), "orphan keys", orphans, ("linked.integrity",), "share of rows"),
        (("nafld", "movielens_small"), "copied entities", copied_tables, _COPIES, "share of entities"),
        (("pbcseq", "walmart_sales"), "shuffled steps", shuffled_steps, _MEMORY, "share of entities"),
        (("pbcseq",), "cut in half", cut_short, ("sequence.length_ks",), "share of entities"),
        (("pbcseq", "walmart_sales"), "every other row lost", thinned, ("sequence.gap_ks", "sequence.length_ks"),
         "share of entities"),
        (("pbcseq", "walmart_sales"), "time backwards", backwards, ("sequence.backward_time",), "share of entities"),
        (("pbcseq", "walmart_sales"), "copied entities", copied_series,
         ("privacy.entity_copies", "privacy.entity_dcr_share"), "share of entities"),
    )
    for source in sources
)  # fmt: skip


def run_good(name: str, seed: int) -> dict[str, Any]:
    """Judge one known-good split."""
    sides, start = three(name, seed), time.process_time()
    failed = failed_gates(sides, sides.synthetic, seed)
    return {"data": name, "seed": seed, "failed": failed, "cpu_s": round(time.process_time() - start, 1)}


def run_bad(fault: Fault, strength: float) -> dict[str, Any]:
    """Judge one fault at one strength."""
    sides = three(fault.source, 1_000)
    bad = fault.plant(sides, strength, np.random.default_rng([int(1000 * strength), 7]))
    failed = failed_gates if len(sides.schema.tables) > 1 else failed_sequence_gates
    return {"fault": fault.name, "strength": strength, "failed": failed(sides, bad, 7)}


def summarise(good: Sequence[Mapping[str, Any]], bad: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return pass rates by set, and by fault the strength from which it is caught."""
    rates = {}
    for name in dict.fromkeys(run["data"] for run in good):
        runs = [run for run in good if run["data"] == name]
        alarms = [check for run in runs for check in run["failed"]]
        rates[name] = {
            "splits": len(runs), "passed": sum(not run["failed"] for run in runs),
            "alarms": {check: alarms.count(check) for check in sorted(set(alarms))},
            "cpu_s": round(float(np.mean([run["cpu_s"] for run in runs])), 1),
        }  # fmt: skip
    faults = []
    for fault in FAULTS:
        runs = [run for run in bad if run["fault"] == fault.name]
        if runs:
            faults.append({
                "fault": fault.name, "strength_is": fault.strength_is, "meant": list(fault.meant),
                "first_caught": first_caught(runs, lambda run, meant=fault.meant: bool({*meant} & {*run["failed"]})),
                "first_stopped": first_caught(runs, lambda run: bool(run["failed"])),
            })  # fmt: skip
    return {"known_good": rates, "known_bad": faults}


def in_words(summary: Mapping[str, Any]) -> str:
    """Return the summary as Markdown."""
    lines = ["| known good | splits | pass every gate | alarms | CPU-s a run |", "|---|---|---|---|---|"]
    for name, row in summary["known_good"].items():
        alarms = ", ".join(f"{check} x{count}" for check, count in row["alarms"].items()) or "none"
        lines.append(f"| {name} | {row['splits']} | {row['passed'] / row['splits']:.0%} | {alarms} | {row['cpu_s']} |")
    lines += ["", "| known bad | strength is | gate meant for it: from | any gate: from |", "|---|---|---|---|"]
    for row in summary["known_bad"]:
        caught, stopped = (
            "not caught" if row[k] is None else f"{row[k]:.0%}" for k in ("first_caught", "first_stopped")
        )
        lines.append(f"| {row['fault']} | {row['strength_is']} | **{caught}** | {stopped} |")
    return "\n".join(lines)


def write_docs(words: str) -> None:
    """Put the table between its marks in docs/validation.md."""
    text = DOCS.read_text()
    start, end = "<!-- judge-linked:start -->", "<!-- judge-linked:end -->"
    before, _, rest = text.partition(start)
    DOCS.write_text(f"{before}{start}\n{words}\n{end}{rest.partition(end)[2]}")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--data", nargs="*", default=list(SOURCES))
    parser.add_argument("--so-far", action="store_true", help="sum up what an interrupted run finished")
    asked = parser.parse_args()
    done = [json.loads(line) for line in PARTIAL.read_text().splitlines()] if PARTIAL.exists() else []
    known = {_key(run) for run in done}
    with PARTIAL.open("a") as file:
        for run in () if asked.so_far else _jobs(asked.data, asked.splits, known):
            done.append(run)
            file.write(json.dumps(run) + "\n")
            file.flush()
            print(run, flush=True)
    good, bad = ([run for run in done if ("fault" in run) is is_bad] for is_bad in (False, True))
    summary = summarise(good, bad)
    words = in_words(summary)
    print(words)
    write_docs(words)
    print(write_result("judge-linked", {"summary": summary, "good": good, "bad": bad}))


def _jobs(names: Sequence[str], splits: int, known: set[str]) -> Any:
    for fault in FAULTS:
        for strength in STRENGTHS:
            if fault.source in names and f"{fault.name}|{strength}" not in known:
                yield run_bad(fault, strength)
    for seed in range(splits):
        for name in names:
            if f"{name}|{seed}" not in known:
                yield run_good(name, seed)


def _key(run: Mapping[str, Any]) -> str:
    return f"{run['fault']}|{run['strength']}" if "fault" in run else f"{run['data']}|{run['seed']}"


if __name__ == "__main__":
    main()
