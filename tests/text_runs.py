"""Text runs as a person starts them: a spec file, a process, kill -9, and what must hold after."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from llm_server import Asked, LLMServer, Told, chat
from veridical.store.journal import Journal

PROMPT = "Write question {{ number }} about {{ topic }}."


def spec_file(folder: Path, url: str, *, records: int = 60, **more: Any) -> Path:
    """Write a spec that asks a server for records of one text field, quotas over two topics."""
    spec = {
        "recipe": {"name": "prompt", "options": {"prompt": PROMPT, "max_tokens": 40}},
        "models": {
            "teacher": {
                "provider": "openai_compatible",
                "model": "m",
                "base_url": url,
                "timeout_s": 2,
                "limits": {"start_window": 16, "largest_window": 16},
            }
        },
        "records": records,
        "quotas": {"topic": ["tea", "rain"]},
        "in_flight": 24,
        **more,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "text.yaml"
    path.write_text(json.dumps(spec))  # JSON is YAML
    return path


def answering(delay_s: float = 0.01):
    """Answer every question with a text of its own, the same for the same question."""

    def answer(asked: Asked) -> Told:
        return Told(chat(f"reply to: {asked.text}"), delay_s=delay_s)

    return answer


def start(spec: Path, folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Start `veridical text` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "veridical", "text", str(spec), "-o", str(folder), "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def accepted(folder: Path) -> dict[str, str]:
    """Return the accepted records in a journal, id to text."""
    if not (folder / "journal.sqlite").exists():
        return {}
    journal = Journal.open_to_read(folder)
    try:
        return {row.id: json.loads(row.body)["fields"]["text"] for row in journal.records("accepted")}
    finally:
        journal.close()


def kill_and_resume(server: LLMServer, spec: Path, folder: Path, *, kills: int, records: int, seed: int) -> int:
    """Kill the run -9 at random moments, resume it until it ends, and check that nothing was lost or doubled.

    Returns how many requests may have been paid twice: what was in flight at the kills.
    """
    random_ = random.Random(seed)
    kept: dict[str, str] = {}
    in_flight = 0
    for _ in range(kills):
        process = start(spec, folder)
        until = len(server.asked) + random_.randint(1, max(2, 2 * records // kills))
        while process.poll() is None and len(server.asked) < until:
            time.sleep(0.002)
        time.sleep(random_.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        in_flight += server.in_flight_or_unread()
        now = accepted(folder)
        assert kept.items() <= now.items(), "an accepted record was lost"
        kept = now
    process = start(spec, folder)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    check_output(folder, kept, records)
    return in_flight


def check_output(folder: Path, kept: dict[str, str], records: int) -> None:
    """Check that the output holds exactly what was accepted, once each."""
    lines = [json.loads(line) for line in (folder / "synthesize" / "data.jsonl").read_text().splitlines()]
    assert len(lines) == records
    assert len({line["id"] for line in lines}) == records
    assert len({line["fields"]["text"] for line in lines}) == records, "a record was doubled"
    assert {line["id"]: line["fields"]["text"] for line in lines}.items() >= kept.items()
    counts = Counter(line["attributes"]["topic"] for line in lines)
    assert set(counts.values()) == {records // 2}


def paid_twice(server: LLMServer) -> int:
    """Return how many requests the server was paid for more than once."""
    return sum(count - 1 for count in server.paid.values())
