"""Does the improvement loop beat spending the same at random? Measured with a teacher whose quality is known.

The teacher is no model: asked for a text of a label, it answers with a real training question of banking77 under that
label, or (for labels that it knows badly) of a neighbouring one. So the curves show what the loop adds, apart from what
any one model can write. Run: python -m benchmarks.improve DATA_FOLDER (with banking77/{train,test}.jsonl.gz).
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.environment import write_result
from veridical.core.contracts import RunContext
from veridical.spec.improve import read_improve
from veridical.stages.improve import Improved, curve_lines, improve

# Ten intents about transfers and top-ups that people confuse, and five that are easy.
HARD = (
    "pending_transfer", "transfer_not_received_by_recipient", "transfer_timing", "failed_transfer", "declined_transfer",
    "balance_not_updated_after_bank_transfer", "pending_top_up", "top_up_failed", "top_up_reverted",
    "balance_not_updated_after_cheque_or_cash_deposit",
)  # fmt: skip
EASY = ("age_limit", "change_pin", "exchange_rate", "terminate_account", "lost_or_stolen_phone")
LABELS = HARD + EASY
WRONG = 0.2  # of the hard labels' answers


def main(data: Path, seeds: Sequence[int] = (1, 2, 3)) -> dict[str, Any]:
    """Run the loop once a seed and write the curves."""
    train, test = (_texts(data / "banking77" / f"{name}.jsonl.gz") for name in ("train", "test"))
    found = []
    for seed in seeds:
        with TemporaryDirectory() as folder, _teacher(train, seed) as url:
            found.append(_loop(Path(folder), url, test, seed))
        print("\n".join(curve_lines(found[-1])), flush=True)
    return {
        "labels": list(LABELS),
        "teacher": f"real training questions; {WRONG:.0%} of the hard labels' are another hard label's",
        "gains": [run.gain for run in found],
        "mean_gain": sum(run.gain for run in found) / len(found),
        "runs": [run.to_dict() for run in found],
    }


def _loop(folder: Path, url: str, test: Mapping[str, list[str]], seed: int) -> Improved:
    held = [{"text": text, "label": label} for label in LABELS for text in test[label]]
    (folder / "held.jsonl").write_text("\n".join(map(json.dumps, held)))
    text = {
        "recipe": {"name": "classification", "options": {"task": "bank questions", "shots": 0,
                                                         "labels": dict.fromkeys(LABELS, "")}},
        "models": {"teacher": {"model": "teacher", "base_url": url}},
        "records": 30, "quotas": {"label": list(LABELS)}, "target": "label", "holdout": "held.jsonl", "seed": seed,
        "pools": [{"duplicates": {"fields": ["text"]}}],
    }  # fmt: skip
    (folder / "text.yaml").write_text(json.dumps(text))
    loop = {"run": "text.yaml", "first": 45, "each": 45, "rounds": 4}
    (folder / "loop.yaml").write_text(json.dumps(loop))
    return improve(read_improve(folder / "loop.yaml"), folder / "out", RunContext(seed=seed))


def _texts(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            found[record["category"]].append(record["text"].strip())
    return found


class _teacher:
    """A server that answers for a label with real questions, the same ones in every run of a seed."""

    def __init__(self, texts: Mapping[str, list[str]], seed: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked = json.loads(body)
                rng = random.Random(f"{seed} {asked.get('seed')} {asked['messages'][-1]['content']}")
                found = re.search(r'class "(\w+)"', asked["messages"][-1]["content"])
                label = found[1] if found else LABELS[0]
                if label in HARD and rng.random() < WRONG:
                    label = rng.choice(HARD)
                message = {"role": "assistant", "content": rng.choice(texts[label])}
                answer = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "model": "teacher",
                                     "usage": {"prompt_tokens": 60, "completion_tokens": 15}}).encode()  # fmt: skip
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()


if __name__ == "__main__":
    result = main(Path(sys.argv[1]))
    write_result("improve", result)
