"""Ours: the whole run with journal, parsing, a schema, format and length checks, and output files."""

import json
import resource
import sys
import time
from pathlib import Path

from veridical.core.contracts import RunContext
from veridical.spec.marks import Document
from veridical.spec.text import parse_text
from veridical.stages.text import run_text

job = json.loads(Path(sys.argv[1]).read_text())
schema = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
prompt = {"prompt": "Write question {{ number }}.", "schema": schema, "max_tokens": 64}
window = {"largest_window": job["in_flight"], "patience": 8, "least_timeout_s": 0.5}
value = {
    "recipe": {"name": "prompt", "options": prompt},
    "models": {"teacher": {"model": "mock-model", "base_url": job["url"], "timeout_s": 5, "limits": window}},
    "records": job["records"],
    "in_flight": job["in_flight"],
    "checks": ["format", {"length": {"words_at_least": 3, "words_at_most": 100}}],
}
spec = parse_text(Document(value, "benchmark", {}, {}), beside=Path())
folder = Path(job.get("folder") or Path(job["answer"]).parent / "run")
peaks = {}


def told(harvest):
    """Note the peak of memory at a tenth, at a half and at the end."""
    for share in (0.1, 0.5):
        if share not in peaks and harvest.accepted >= share * job["records"]:
            peaks[share] = peak_mb()


def peak_mb():
    """Return the most memory that this process has held so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


start = time.perf_counter()
run = run_text(spec, folder, RunContext(), told=told)
seconds = time.perf_counter() - start
answer = {"delivered": run.harvested.accepted, "seconds": seconds, "peak_mb_at": {**peaks, 1.0: peak_mb()}}
Path(job["answer"]).write_text(json.dumps(answer))
