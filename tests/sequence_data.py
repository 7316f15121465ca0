"""Small tables of sequences whose law is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.schema import Kind, Schema
from veridical.stages.learn import learn


def visits(entities: int = 80, seed: int = 0) -> pa.Table:
    """Patients with a sex, visits at odd days, a pulse that remembers, a state, low <= high, and gaps in a lab value."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[object]] = {
        name: [] for name in ("patient", "sex", "day", "pulse", "state", "low", "high", "lab")
    }
    for entity in range(entities):
        length = int(rng.integers(3, 16))
        sex = "F" if rng.random() < 0.5 else "M"
        level = 70 + 12 * rng.standard_normal() + (4 if sex == "F" else 0)
        pulse, state, day = level, "well", 0
        for _ in range(length):
            pulse = level + 0.7 * (pulse - level) + 4 * rng.standard_normal()
            if rng.random() < 0.25:
                state = str(rng.choice(["well", "ill", "better"]))
            low = 60 + 10 * rng.random()
            held = (f"p{entity:04d}", sex, day, round(pulse, 1), state, round(low, 1), round(low + 8 * rng.random(), 1),
                    None if rng.random() < 0.3 else round(3 + rng.random(), 2))  # fmt: skip
            for name, value in zip(rows, held, strict=True):
                rows[name].append(value)
            day += int(rng.integers(5, 40))
    return pa.table(rows)


def series(rows: int = 1500, seed: int = 0) -> pa.Table:
    """One hourly series with a daily wave, a load that remembers, and a category."""
    rng = np.random.default_rng(seed)
    hour = np.arange(rows)
    load = np.zeros(rows)
    for at in range(1, rows):
        load[at] = 0.85 * load[at - 1] + rng.standard_normal()
    value = np.round(20 + 5 * np.sin(2 * np.pi * hour / 24) + load, 2)
    stamps = np.datetime64("2024-01-01T00") + hour.astype("timedelta64[h]")
    return pa.table({"time": pa.array(stamps.astype("datetime64[us]")), "load": value,
                     "mode": np.where(value > 20, "high", "low")})  # fmt: skip


def schema_of(table: pa.Table, keys: tuple[str, ...] = ("patient",), time: str = "day") -> Schema:
    """Return the learned schema with the sequence named."""
    schema = learn(Dataset.of(table), RunContext()).schema
    columns = tuple(
        replace(c, kind=Kind.IDENTIFIER, categories=None) if c.name in keys and len(keys) == 1 else c
        for c in schema.only.columns
    )
    return replace(schema, tables=(replace(schema.only, columns=columns, series=keys, order_by=time),))
