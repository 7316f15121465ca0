"""bespokelabs-curator: one prompt a record, its own cache folder, limits lifted."""

import json
import os
import sys
import time
from pathlib import Path

job = json.loads(Path(sys.argv[1]).read_text())
folder = Path(job.get("folder") or Path(job["answer"]).parent / "cache")
os.environ.update(CURATOR_CACHE_DIR=str(folder), OPENAI_API_KEY="none", TELEMETRY_ENABLED="false", CURATOR_VIEWER="0")
os.environ["HF_HOME"] = str(folder / "hf")

import tiktoken  # noqa: E402 - the folders must be set before


class Encoding:
    """Stands in for a table that tiktoken would fetch from the network, and costs less than it."""

    def encode(self, text, **_):
        return list(text.encode()[::4])


tiktoken.get_encoding = tiktoken.encoding_for_model = lambda *_: Encoding()

from bespokelabs import curator  # noqa: E402


class Writer(curator.LLM):
    def prompt(self, row):
        return f"Write question {row['number']}."

    def parse(self, row, response):
        return {"number": row["number"], "text": json.loads(response)["text"]}


lifted = {
    "base_url": job["url"],
    "max_requests_per_minute": 10_000_000,
    "max_tokens_per_minute": 10**10,
    "max_concurrent_requests": job["in_flight"],
    "require_all_responses": False,
    "request_timeout": 5,
    "seconds_to_pause_on_rate_limit": 1,
}
writer = Writer(model_name="mock-model", backend="openai", backend_params=lifted, generation_params={"max_tokens": 64})
start = time.perf_counter()
made = writer([{"number": number} for number in range(job["records"])])
made = getattr(made, "dataset", made)
answer = {"delivered": len(made), "seconds": time.perf_counter() - start}
Path(job["answer"]).write_text(json.dumps(answer))
