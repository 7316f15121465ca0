"""Ours: the whole run with journal, parsing, a schema, format and length checks, and output files."""

import json
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
window = {"start_window": min(64, job["in_flight"]), "largest_window": job["in_flight"]}
window.update(patience=8, least_timeout_s=0.5)
value = {
    "recipe": {"name": "prompt", "options": prompt},
    "models": {"teacher": {"model": "mock-model", "base_url": job["url"], "timeout_s": 5, "limits": window}},
    "records": job["records"],
    "in_flight": job["in_flight"] + 64,
    "checks": ["format", {"length": {"words_at_least": 3, "words_at_most": 100}}],
}
spec = parse_text(Document(value, "benchmark", {}, {}), beside=Path())
folder = Path(job.get("folder") or Path(job["answer"]).parent / "run")
start = time.perf_counter()
run = run_text(spec, folder, RunContext())
answer = {"delivered": run.harvested.accepted, "seconds": time.perf_counter() - start}
Path(job["answer"]).write_text(json.dumps(answer))
