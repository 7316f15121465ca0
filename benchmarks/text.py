"""Text generation beside its peers: `python -m benchmarks.text [--quick] [--only NAME ...]`

One mock server with set latency and errors for all, each tool in an environment of its own: records a second, CPU
seconds per 1,000 records, peak memory, what a faulty server costs, and what a kill -9 at half costs. Writes
`results/text-<date>.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.environment import Peer, Run, python_of, run_script, write_result

SCRIPTS = Path(__file__).parent / "peers"
PEERS = (
    Peer(name="aiohttp", requirements=("aiohttp", "orjson"), script="bare_text.py", options={"client": "aiohttp"}),
    Peer(name="openai", requirements=("openai",), script="bare_text.py", options={"client": "openai"}),
    Peer(name="httpx", requirements=("httpx",), script="bare_text.py", options={"client": "httpx"}),
    Peer(name="curator", requirements=("bespokelabs-curator",), script="curator_text.py"),
    Peer(name="data-designer", requirements=("data-designer",), script="data_designer_text.py"),
    Peer(name="distilabel", requirements=("distilabel[openai]", "requests"), script="distilabel_text.py"),
)
OURS = "veridical"
CAP_S = 60.0  # seconds; what has not finished by then is stopped and said so
SLOW = ("httpx", "curator", "data-designer", "distilabel")  # asked for 2,000 records, not 5,000
IN_FLIGHT = 256


@dataclass(frozen=True)
class Server:
    """A running mock server."""

    port: int

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    def stats(self) -> dict[str, Any]:
        """What it has counted."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stats") as reply:
            counted: dict[str, Any] = json.load(reply)
        return counted


@contextmanager
def serving(*, latency_s: float, faults: float = 0.0, honours_keys: bool = False) -> Iterator[Server]:
    """Run the mock server in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.mock_server", "--latency", str(latency_s), "--faults", str(faults)]
    process = subprocess.Popen(
        [*command, *(["--honours-keys"] if honours_keys else [])], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield Server(int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


def timed(name: str, *, latency_s: float, records: int, faults: float = 0.0, cap_s: float = CAP_S) -> dict[str, Any]:
    """Run one tool once and return its figures."""
    try:
        python, script, options = _tool(name)
    except RuntimeError as failed:
        return {"note": f"not installed: {failed}"}
    with serving(latency_s=latency_s, faults=faults) as server:
        job = {"url": server.url, "records": records, "in_flight": IN_FLIGHT, **options}
        run: Run = run_script(python, script, job, timeout_s=cap_s)
        stats = server.stats()
    delivered = int(run.answer.get("delivered", 0))
    seconds = float(run.answer.get("seconds", run.wall_s))
    return {
        "asked": records,
        "delivered": delivered,
        "requests": stats["requests"],
        "unavoidable_retries": sum(stats["by_fault"].values()),
        "records_per_s": round(delivered / seconds, 1) if run.ok else round(stats["paid"] / run.wall_s, 1),
        "cpu_s_per_1000": round(1000 * run.cpu_s / max(1, delivered or stats["paid"]), 3),
        "peak_mb": round(run.peak_mb),
        "wall_s": round(run.wall_s, 1),
        "note": run.note,
    }


def killed_at_half(name: str, *, records: int = 2000) -> dict[str, Any]:
    """Kill a tool -9 when half is paid for, start it again, and return what was paid twice and what was delivered."""
    try:
        python, script, options = _tool(name)
    except RuntimeError as failed:
        return {"note": f"not installed: {failed}"}
    with serving(latency_s=0.02) as server, tempfile.TemporaryDirectory() as folder:
        job = {"url": server.url, "records": records, "in_flight": IN_FLIGHT, "folder": f"{folder}/run", **options}
        path = Path(folder) / "job.json"
        path.write_text(json.dumps({**job, "answer": f"{folder}/answer.json"}))
        process = subprocess.Popen(
            [str(python), str(script), str(path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        end = time.monotonic() + CAP_S
        while server.stats()["paid"] < records // 2 and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        run = run_script(python, script, job, timeout_s=CAP_S)
        stats = server.stats()
    return {"delivered": run.answer.get("delivered", 0), "paid_twice": stats["paid_twice"], "note": run.note}


def kills(count: int, *, records: int, honours_keys: bool, seed: int = 1) -> dict[str, Any]:
    """Kill our own run -9 `count` times at random moments; return what was lost, doubled and paid twice."""
    random_ = random.Random(seed)
    python, script, options = _tool(OURS)
    with serving(latency_s=0.02, honours_keys=honours_keys) as server, tempfile.TemporaryDirectory() as folder:
        job = {"url": server.url, "records": records, "in_flight": IN_FLIGHT, "folder": f"{folder}/run", **options}
        path = Path(folder) / "job.json"
        path.write_text(json.dumps({**job, "answer": f"{folder}/answer.json"}))
        lost, kept, done = 0, frozenset[str](), 0
        while done < count:
            process = subprocess.Popen([str(python), str(script), str(path)], stderr=subprocess.DEVNULL)
            until = server.stats()["paid"] + random_.randint(1, max(2, 2 * (records - len(kept)) // (count - done)))
            while process.poll() is None and server.stats()["paid"] < until:
                time.sleep(random_.random() * 0.01)
            process.kill()
            process.wait()
            done += 1
            now = _accepted(Path(folder) / "run")
            lost, kept = lost + len(kept - now), now
        run = run_script(python, script, job, timeout_s=600)
        texts = [json.loads(line)["fields"]["text"] for line in _output(Path(folder) / "run")]
        stats = server.stats()
    return {
        "kills": done,
        "asked": records,
        "delivered": run.answer.get("delivered", 0),
        "lost": lost + max(0, records - len(texts)),
        "doubled": len(texts) - len(set(texts)),
        "paid_twice": stats["paid_twice"],
        "most_in_flight_at_kills": IN_FLIGHT * done,
        "server_honours_keys": honours_keys,
        "note": run.note,
    }


def _accepted(folder: Path) -> frozenset[str]:
    from veridical.store.journal import Journal

    if not (folder / "journal.sqlite").exists():
        return frozenset()
    journal = Journal.open_to_read(folder)
    try:
        return frozenset(row.id for row in journal.records("accepted"))
    finally:
        journal.close()


def _output(folder: Path) -> list[str]:
    return (folder / "synthesize" / "data.jsonl").read_text().splitlines()


def _tool(name: str) -> tuple[Path, Path, dict[str, Any]]:
    if name == OURS:
        return Path(sys.executable), SCRIPTS / "veridical_text.py", {}
    peer = next(peer for peer in PEERS if peer.name == name)
    return python_of(peer), SCRIPTS / peer.script, peer.options


def main() -> None:
    """Run what is asked for and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    parser.add_argument("--only", nargs="*", help="names of tools")
    parser.add_argument("--kills", type=int, default=200)
    options = parser.parse_args()
    names = options.only or [OURS, *(peer.name for peer in PEERS)]
    tools: dict[str, Any] = {}
    for name in names:
        size = 500 if options.quick else 2000 if name in SLOW else 5000
        tools[name] = {
            "20 ms": timed(name, latency_s=0.02, records=size),
            "200 ms": timed(name, latency_s=0.2, records=size),
            "15 % faults, 20 ms": timed(name, latency_s=0.02, records=size, faults=0.15),
            "kill -9 at half": killed_at_half(name, records=400 if options.quick else 2000),
        }
        print(name, json.dumps(tools[name], indent=1), flush=True)
    content: dict[str, Any] = {"in_flight": IN_FLIGHT, "cap_s": CAP_S, "tools": tools}
    if OURS in names:
        number = options.kills // 10 if options.quick else options.kills
        content["kills"] = [
            kills(count, records=20 * count, honours_keys=keys)
            for keys, count in ((False, number), (True, number // 4))
        ]
        content["two_hundred_thousand"] = timed(
            OURS, latency_s=0.0, records=2000 if options.quick else 200_000, cap_s=600
        )
        print(json.dumps({k: content[k] for k in ("kills", "two_hundred_thousand")}, indent=1))
    content["load_average_at_end"] = os.getloadavg()
    content["harness_peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if not options.quick:
        print(write_result("text", content))


if __name__ == "__main__":
    main()
