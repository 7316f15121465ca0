"""How often may a text run be killed at random moments before something is lost, doubled or paid twice?"""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.environment import run_script

IN_FLIGHT = 64
_EARLY = 0.2  # share of kills at a moment that does not wait for a request: also while the process starts


def killed_often(count: int, *, records: int, honours_keys: bool, seed: int = 1) -> dict[str, Any]:
    """Kill a run of ours -9 `count` times at random moments, let it end, and return what went wrong.

    What is in flight at a kill was asked and is not on disk yet: at most the window, `window_at_kills` in all.
    `unanswered_at_kills` is the part of it that the server had not answered.
    """
    from benchmarks.text import OURS, serving, tool

    chance = random.Random(seed)
    python, script, options = tool(OURS)
    with serving(latency_s=0.02, honours_keys=honours_keys) as server, tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        job = {"url": server.url, "records": records, "in_flight": IN_FLIGHT, "folder": str(run), **options}
        path = Path(folder) / "job.json"
        path.write_text(json.dumps({**job, "answer": f"{folder}/answer.json"}))
        lost, kept, in_flight, ended = 0, frozenset[str](), 0, 0
        for done in range(count):
            process = subprocess.Popen([str(python), str(script), str(path)], stderr=subprocess.DEVNULL)
            _wait(process, server, chance, left=records - len(kept), kills_left=count - done)
            in_flight += int(server.stats()["open"])
            ended += process.poll() is not None
            process.kill()
            process.wait()
            now = accepted_in(run)
            lost, kept = lost + len(kept - now), now
        last = run_script(python, script, job, timeout_s=600)
        texts = [json.loads(line)["fields"]["text"] for line in (run / "synthesize" / "data.jsonl").open()]
        stats = server.stats()
    return {
        "kills": count - ended,
        "asked": records,
        "delivered": last.answer.get("delivered", 0),
        "lost": lost + max(0, records - len(texts)),
        "doubled": len(texts) - len(set(texts)),
        "paid_twice": stats["paid_twice"],
        "unanswered_at_kills": in_flight,
        "window_at_kills": IN_FLIGHT * count,
        "load": round(os.getloadavg()[0], 2),
        "note": last.note,
    }


def _wait(process: subprocess.Popen[bytes], server: Any, chance: random.Random, *, left: int, kills_left: int) -> None:
    if chance.random() < _EARLY:
        time.sleep(chance.random())
        return
    until = server.stats()["paid"] + chance.randint(1, max(2, 2 * left // (kills_left + 1)))
    while process.poll() is None and server.stats()["paid"] < until:
        time.sleep(0.002)
    time.sleep(chance.random() * 0.02)


def accepted_in(folder: Path) -> frozenset[str]:
    """Return the ids of the records that a run's journal holds as accepted."""
    from veridical.core.errors import ArtifactError
    from veridical.store.journal import Journal

    try:
        journal = Journal.open_to_read(folder)
    except ArtifactError as missing:
        if "damaged" in missing.what:
            raise
        return frozenset()  # killed before it began
    try:
        return frozenset(row.id for row in journal.records("accepted"))
    finally:
        journal.close()
