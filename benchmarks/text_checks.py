"""Do the checks find what was planted, and how fast? `python -m benchmarks.text_checks --benchmarks FOLDER`

Decontamination: spans of 13 words and more of real benchmark items inside other sentences, light paraphrases of their
questions, and clean instructions for false alarms. Near-duplicates: texts a second. Writes
`results/text-checks-<date>.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.environment import ROOT, write_result

DATA = ROOT.parent / "shared" / "data"
FILLER = "Please have a look at what somebody wrote to me yesterday in a long letter about other things. "
SWAPS = {
    "how many": "what number of", "does": "will", "buys": "purchases", "each": "every", "total": "overall",
    "gives": "hands", "makes": "produces", "wants": "would like", "needs": "requires", "also": "in addition",
    "then": "afterwards", "if": "supposing", "children": "kids", "money": "cash", "big": "large", "has": "owns",
    "which of the following": "which one of these", "most likely": "probably", "best": "most fittingly",
    "function": "routine", "return": "give back", "write": "produce", "find": "determine", "list": "sequence",
}  # fmt: skip
OPENINGS = ("Tell me this: ", "I was asked the following. ", "Here is one for you: ", "")


def swapped(text: str, rng: random.Random) -> str:
    """Return a text with words swapped for near ones, short words dropped here and there, and another opening."""
    text = text.lower()
    for old, new in SWAPS.items():
        text = text.replace(f" {old} ", f" {new} ")
    kept = [
        word for word in text.split() if len(word) > 4 or rng.random() > 0.1 or any(sign.isdigit() for sign in word)
    ]
    return rng.choice(OPENINGS) + " ".join(kept)


def reordered(text: str, rng: random.Random) -> str:
    """Return a text whose last sentence comes first, swapped words in it too."""
    parts = [part.strip() for part in text.replace("?", "?.").split(". ") if part.strip()]
    turned = [parts[-1], *parts[:-1]] if len(parts) > 1 else parts
    return swapped(". ".join(turned), rng)


def spans(check: Any, count: int, rng: random.Random) -> dict[str, Any]:
    """Return how many planted verbatim spans are found."""
    from veridical.curate.word import words_of

    items = [item for item in check._items if len(words_of(item)) >= 13]
    found = 0
    start_s = time.process_time()
    for item in rng.choices(items, k=count):
        words = words_of(item)
        size = min(len(words), rng.choice([13, 13, 14, 16, 20, 30]))
        start = rng.randrange(len(words) - size + 1)
        found += check.overlap(f"{FILLER}{' '.join(words[start : start + size])} and so on it went.").rule != ""
    return {"planted": count, "found": found, "share": found / count,
            "texts_per_cpu_s": round(count / (time.process_time() - start_s))}  # fmt: skip


def paraphrases(
    check: Any, change: Callable[[str, random.Random], str], count: int, rng: random.Random
) -> dict[str, Any]:
    """Return how many paraphrased questions of at least five words are found."""
    questions = [question for question in check._questions if len(question.split()) >= 5]
    chosen = rng.sample(questions, min(count, len(questions)))
    found = sum(check.overlap(change(text, rng)).rule not in ("", "suspect") for text in chosen)
    return {"planted": len(chosen), "found": found, "share": round(found / len(chosen), 4)}


def false_alarms(check: Any, texts: list[str]) -> dict[str, Any]:
    """Return how many clean texts are refused."""
    refused = sum(check.overlap(text).rule not in ("", "suspect") for text in texts)
    return {"clean": len(texts), "refused": refused, "share": round(refused / len(texts), 4)}


def near_duplicates(count: int, rng: random.Random) -> dict[str, Any]:
    """Return the pace of the MinHash pool and of the clustering, on texts of which a tenth are near-duplicates."""
    from veridical.curate.near_duplicate import NearDuplicates, near_duplicate_clusters
    from veridical.llm.candidate import Candidate

    words = [f"word{n}" for n in range(20_000)]
    texts = [" ".join(rng.choices(words, k=30)) for _ in range(count * 9 // 10)]
    twins = [" ".join([*text.split()[:-1], "other"]) for text in rng.choices(texts, k=count - len(texts))]
    texts += twins
    made = [Candidate(fields={"text": text}) for text in texts]
    pool = NearDuplicates(shingle_words=3)
    start_s = time.process_time()
    refused = 0
    for candidate in made:
        if pool.refuses(candidate) is None:
            pool.admit(candidate)
        else:
            refused += 1
    pool_s = time.process_time() - start_s
    start_s = time.process_time()
    groups = near_duplicate_clusters(texts, shingle_words=3)
    clusters_s = time.process_time() - start_s
    return {
        "texts": count, "words_each": 30, "twins": len(twins), "refused": refused,
        "in_clusters": sum(len(group) - 1 for group in groups),
        "pool_texts_per_cpu_s": round(count / pool_s), "clusters_texts_per_cpu_s": round(count / clusters_s),
    }  # fmt: skip


def main() -> None:
    """Measure and write the result."""
    from veridical.curate.contamination import Decontamination
    from veridical.curate.setting import read_records

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmarks", type=Path, default=DATA / "benchmarks")
    parser.add_argument("--clean", type=Path, default=DATA / "instruction_demos" / "alpaca_en_demo.jsonl.gz")
    parser.add_argument("--texts", type=int, default=100_000)
    options = parser.parse_args()
    rng = random.Random(5)
    content: dict[str, Any] = {"load": round(os.getloadavg()[0], 2)}
    content["near_duplicates"] = near_duplicates(options.texts, rng)
    print(json.dumps(content, indent=1), flush=True)
    check = Decontamination(benchmarks={"all": str(options.benchmarks)})
    content["benchmarks"] = {
        item.name: {"items": len(item.items), "version": item.version} for item in check._benchmarks
    }
    content["planted_spans"] = spans(check, 5000, rng)
    clean = [str(record["instruction"]) for record in read_records(options.clean)]
    content["false_alarms_verbatim"] = false_alarms(check, clean)
    print(json.dumps(content, indent=1), flush=True)
    content["paraphrases"] = {}
    for item in check._benchmarks:
        file = next(path for path in options.benchmarks.iterdir() if path.name.startswith(item.name))
        own = Decontamination(benchmarks={item.name: str(file)}, meaning="on")
        content["paraphrases"][item.name] = {
            "words swapped": paraphrases(own, swapped, 200, rng),
            "last sentence first, words swapped": paraphrases(own, reordered, 200, rng),
            "false alarms": false_alarms(own, clean[:300]),
        }
        print(item.name, json.dumps(content["paraphrases"][item.name]), flush=True)
        write_result("text-checks", content)  # a run cut off keeps what it measured


if __name__ == "__main__":
    main()
