"""What do SDMetrics and syntheval say of the sets that the judge is judged by?

Neither states limits. SDMetrics' scores count as an alarm below every known-good run; syntheval has many figures, so
one of them must leave the range of known-good runs by half that range's width.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.environment import ROOT, Peer, python_of, run_script

SYNTHEVAL = Peer(name="syntheval", requirements=("syntheval", "pyarrow"), script="syntheval_curve.py")


def sdmetrics_scores(train: pa.Table, holdout: pa.Table, synthetic: pa.Table, seed: int) -> dict[str, float]:
    """Return SDMetrics' quality score and its DCR overfitting score (400 rows a side), both 1 at best."""
    from sdmetrics.reports.single_table import QualityReport
    from sdmetrics.single_table import DCROverfittingProtection

    frames = [table.to_pandas() for table in (train, holdout, synthetic)]
    columns = {name: {"sdtype": _sdtype(train[name].type)} for name in train.column_names}
    report = QualityReport()
    report.generate(frames[0], frames[2], {"columns": columns}, verbose=False)
    small = [frame.sample(min(400, len(frame)), random_state=seed) for frame in frames]
    dcr = DCROverfittingProtection.compute_breakdown(
        real_training_data=small[0], real_validation_data=small[1], synthetic_data=small[2],
        metadata={"tables": {"data": {"columns": columns}}},
        table_name="data",
    )  # fmt: skip
    return {"quality": float(report.get_score()), "dcr_overfitting": float(dcr["score"])}


def _sdtype(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "datetime"
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return "numerical" if numeric else "boolean" if pa.types.is_boolean(kind) else "categorical"


def syntheval_figures(cases: Sequence[Sequence[pa.Table]], target: str) -> list[dict[str, Any]]:
    """Return syntheval's quick figures for each (train, holdout, synthetic), all in one process of its own.

    Raises:
        RuntimeError: its environment could not be made, or it did not finish.
    """
    with tempfile.TemporaryDirectory() as folder:
        told = []
        for number, tables in enumerate(cases):
            paths = {side: f"{folder}/{number}-{side}.parquet" for side in ("train", "holdout", "synthetic")}
            for path, table in zip(paths.values(), tables, strict=True):
                pq.write_table(table, path)
            told.append(paths)
        script = ROOT / "benchmarks" / "peers" / SYNTHEVAL.script
        done = run_script(Path(python_of(SYNTHEVAL)), script, {"cases": told, "target": target}, timeout_s=7200)
    if not done.ok:
        raise RuntimeError(done.note)
    figures: list[dict[str, Any]] = done.answer["figures"]
    return figures


def good_ranges(figures: Sequence[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """Return the range of each figure over known-good runs, half its width wider on both sides.

    Example:
        >>> good_ranges([{"dcr": 1.0}, {"dcr": 1.2}])["dcr"]
        (0.9, 1.3)
    """
    names = {name for row in figures for name in row if name != "error"}
    ranges = {}
    for name in sorted(names):
        values = [row[name] for row in figures if name in row]
        half = (max(values) - min(values)) / 2
        ranges[name] = (round(min(values) - half, 9), round(max(values) + half, 9))
    return ranges


def outside(figures: Mapping[str, Any], ranges: Mapping[str, Sequence[float]]) -> list[str]:
    """Return the figures that no known-good run comes near to."""
    return [name for name, (low, high) in ranges.items() if name in figures and not low <= figures[name] <= high]
