"""A text run on packaged real questions: a transcript answers with held-out ones, so the run is as good as real."""

from __future__ import annotations

import json
import random
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any

SEEDS, TEST = "banking_seeds.jsonl", "banking_test.jsonl"


def packaged(name: str) -> list[dict[str, str]]:
    """Return the rows of a packaged file of questions."""
    text = resources.files("veridical.data").joinpath(name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def bank_spec(folder: Path, *, fault: bool = False, rows: int = 120, **more: Any) -> Path:
    """Write a spec whose teacher says real questions that nobody saw; with `fault`, the seeds' own ones instead."""
    held = packaged(TEST)
    random.Random(2).shuffle(held)
    said, held = held[:rows], held[rows:]
    seeds = packaged(SEEDS)
    wanted = Counter(row["label"] for row in said)
    write_lines(folder / "seeds.jsonl", seeds)
    write_lines(folder / "held.jsonl", held)
    replies = {label: [row["text"] for row in (seeds if fault else said) if row["label"] == label] for label in wanted}
    rules = [{"match": f'of the class "{label}"', "reply": texts} for label, texts in replies.items()]
    write_lines(folder / "transcript.jsonl", [*more.pop("rules", []), *rules])
    spec = {
        "recipe": {"classification": {"task": "questions to a bank", "shots": 2}},
        "models": {"teacher": {"provider": "scripted", "transcript": "transcript.jsonl"}, **more.pop("models", {})},
        "seeds": "seeds.jsonl",
        "holdout": "held.jsonl",
        "target": "label",
        "records": rows,
        "quotas": {"label": dict(wanted)},
        "gates": "text",
        **more,
    }
    path = folder / "bank.yaml"
    path.write_text(json.dumps(spec), encoding="utf-8")
    return path
