"""Text generation beside its peers: `python -m benchmarks.text [--quick] [--only NAME ...] [--parts PART ...]`

One mock server with set latency and errors for all, each tool in an environment of its own: records a second, CPU
seconds per 1,000 records, peak memory, what a faulty server costs, and what a kill -9 at half costs. Writes
`results/text-<date>.json`.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
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

from benchmarks.environment import RESULTS, Peer, Run, python_of, run_script, write_result
from benchmarks.text_kills import killed_often

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


def timed(
    name: str, *, latency_s: float, records: int, faults: float = 0.0, cap_s: float = CAP_S, peaks: bool = False
) -> dict[str, Any]:
    """Run one tool once and return its figures; with `peaks` also the memory at a tenth, a half and the end."""
    try:
        python, script, options = tool(name)
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
        **(
            {"peak_mb_at_10_50_100_percent": " ".join(map(str, run.answer.get("peak_mb_at", {}).values()))}
            if peaks
            else {}
        ),
        "wall_s": round(run.wall_s, 1),
        "load": _load(),
        "note": run.note,
    }


def killed_at_half(name: str, *, records: int = 2000) -> dict[str, Any]:
    """Kill a tool -9 when half is paid for, start it again, and return what was paid twice and what was delivered."""
    try:
        python, script, options = tool(name)
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
    return {
        "delivered": run.answer.get("delivered", 0),
        "paid_twice": stats["paid_twice"],  # the same question
        "paid_beyond_asked": max(0, stats["paid"] - records),  # also where a new start asks other questions
        "note": run.note,
    }


def tool(name: str) -> tuple[Path, Path, dict[str, Any]]:
    """Return the interpreter, the script and the options that drive a tool."""
    if name == OURS:
        return Path(sys.executable), SCRIPTS / "veridical_text.py", {}
    peer = next(peer for peer in PEERS if peer.name == name)
    return python_of(peer), SCRIPTS / peer.script, peer.options


def first_request(*, times: int = 5) -> dict[str, Any]:
    """Return how long after the start of `veridical text` its first request arrives, and the CPU of the whole call."""
    waits, cpu = [], []
    for _ in range(times):
        with serving(latency_s=0.02) as server, tempfile.TemporaryDirectory() as folder:
            spec = Path(folder) / "text.yaml"
            prompt = {"name": "prompt", "options": {"prompt": "Write question {{ number }}.", "max_tokens": 64}}
            models = {"teacher": {"model": "mock-model", "base_url": server.url}}
            spec.write_text(json.dumps({"recipe": prompt, "models": models, "records": 1}))
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            began = time.time()
            subprocess.run(
                [sys.executable, "-m", "veridical", "text", str(spec), "-o", f"{folder}/run", "--quiet"],
                stdout=subprocess.DEVNULL,
                check=True,
            )
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            waits.append(server.stats()["first_request_at"] - began)
            cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {"wall_s_least": round(min(waits), 3), "wall_s": [round(w, 3) for w in waits],
            "cpu_s_of_the_call_least": round(min(cpu), 3), "load": _load()}  # fmt: skip


def beside_peers(names: list[str], *, quick: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each tool with its figures, one tool at a time."""
    for name in names:
        size = 500 if quick else 2000 if name in SLOW else 5000
        yield (
            name,
            {
                "20 ms": timed(name, latency_s=0.02, records=size),
                "200 ms": timed(name, latency_s=0.2, records=size),
                "15 % faults, 20 ms": timed(name, latency_s=0.02, records=size, faults=0.15),
                "kill -9 at half": killed_at_half(name, records=400 if quick else 2000),
            },
        )


def _load() -> float:
    return round(os.getloadavg()[0], 2)


def _kept() -> dict[str, Any]:
    """Return today's result, so that a part measured again replaces only itself."""
    path = RESULTS / f"text-{dt.date.today().isoformat()}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def main() -> None:
    """Run what is asked for; each part is written as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, and nothing is written")
    parser.add_argument("--only", nargs="*", help="names of tools")
    parser.add_argument("--parts", nargs="*", default=["tools", "start", "flat", "kills"])
    parser.add_argument("--kills", type=int, default=200)
    options = parser.parse_args()
    content = {key: value for key, value in _kept().items() if key not in ("date", "machine")}
    content.update(in_flight=IN_FLIGHT, cap_s=CAP_S)

    def note(part: str, figures: Any) -> None:
        content[part] = figures
        print(part, json.dumps(figures, indent=1), flush=True)
        if not options.quick:
            write_result("text", content)

    if "tools" in options.parts:
        names = options.only or [OURS, *(peer.name for peer in PEERS)]
        for name, figures in beside_peers(names, quick=options.quick):
            note("tools", {**content.get("tools", {}), name: figures})
    if "start" in options.parts:
        note("first_request", first_request())
    if "flat" in options.parts:
        records = 2000 if options.quick else 200_000
        note("two_hundred_thousand", timed(OURS, latency_s=0.0, records=records, cap_s=1300, peaks=True))
    if "kills" in options.parts:
        count = max(1, options.kills // 10) if options.quick else options.kills
        note("kills", {
            server: killed_often(count, records=60 * count, honours_keys=keys)
            for server, keys in (("plain server", False), ("server that honours idempotency keys", True))
        })  # fmt: skip


if __name__ == "__main__":
    main()
