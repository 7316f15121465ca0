"""Do synthetic queries make retrieval of real queries better? `python -m benchmarks.retrieval [--sets xquad_en]`

A small model writes one query for each of `--records` passages (the recipe `inpars`; the runs under `--runs` are
resumed, or used as they are). An adapter and a reranker learn from them and from nothing else; where torch is installed
an encoder learns from the documents' own sentences and the queries. The real human queries only judge.
`first-sentences` is the control: the same training on each passage's own first sentence, which costs nothing; for the
encoder the documents without any query are. Every gain is paired by query, with a 95 % bootstrap interval.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import resource
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.environment import ROOT, write_result
from veridical.connect.document import Chunk, read_documents
from veridical.connect.document.chunking import sentences
from veridical.core.contracts import RunContext
from veridical.retrieval.gain import figures, gain_of, mean_of
from veridical.retrieval.index import Index
from veridical.retrieval.pairs import Pair, pairs_of
from veridical.retrieval.retriever import ENCODED, WAYS, Retriever, train_retriever

DATA = ROOT.parent / "shared" / "data"
BASELINES = ("bm25", "embedding", "hybrid")


def corpus(name: str) -> tuple[Chunk, ...]:
    """Return a set's documents, each a passage of its own."""
    documents = read_documents(DATA / f"{name}_rag" / "documents.jsonl.gz")
    return tuple(
        Chunk(id=d.id, document=d.id, start=0, end=len(d.text), text=d.text, title=d.title) for d in documents
    )  # fmt: skip


def real_queries(name: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield each human query with its right documents; of scifact the claims that BEIR tests with."""
    content = gzip.decompress((DATA / f"{name}_rag" / "queries.jsonl.gz").read_bytes()).decode()
    for line in content.splitlines():
        query = json.loads(line)
        if "claim" not in query:
            yield query["question"], frozenset([query["doc_id"]])
        elif query["split"] == "validation" and query["relevant"]:
            yield query["claim"], frozenset(query["relevant"])


def synthetic(name: str, runs: Path, records: int) -> list[dict[str, Any]]:
    """Return the accepted queries of a run, which is made or gone on with where they are too few."""
    from veridical.core.errors import VeridicalError
    from veridical.spec.marks import load
    from veridical.spec.text import parse_text
    from veridical.stages.text import run_text

    done = runs / name / "synthesize" / "data.jsonl"
    if not done.exists():
        spec = {
            "recipe": {
                "name": "inpars",
                "options": {"documents": str(DATA / f"{name}_rag" / "documents.jsonl.gz"), "chunk_words": 60},
            },
            "models": {"teacher": {"provider": "embedded", "slots": 1, "threads": 1, "context_tokens": 1024}},
            "records": records,
            "max_candidates": records,
            "in_flight": 2,
            "seed": 1,
        }
        try:
            run_text(parse_text(load(json.dumps(spec)), beside=runs), runs / name, RunContext())
        except VeridicalError as stopped:
            raise SystemExit(str(stopped)) from stopped
    return [json.loads(line) for line in done.read_text(encoding="utf-8").splitlines()]


def first_sentences(pairs: tuple[Pair, ...], index: Index) -> tuple[Pair, ...]:
    """Return the control: as many pairs, for the same passages, from their own first sentences."""
    made = []
    for pair in pairs:
        text = index.chunks[pair.place].text
        start, end = next(sentences(text))
        made.append(Pair(text[start:end], pair.place))
    return tuple(made)


def scored(name: str, index: Index, retriever: Retriever, ways: tuple[str, ...]) -> dict[str, Mapping[str, Any]]:
    """Return each figure's values of all real queries, by way."""
    queries = list(real_queries(name))
    return {
        way: figures(
            [[index.chunks[p].document for p in retriever.rank(index, q, 10, way=way)] for q, _ in queries],
            [relevant for _, relevant in queries],
        )
        for way in ways
    }


def judged(name: str, runs: Path, records: int, keep: float, seed: int) -> dict[str, Any]:
    """Return what training on a set's synthetic queries changed, and print it."""
    (points := runs / "points").mkdir(parents=True, exist_ok=True)
    index = Index(chunks=corpus(name), points_file=points / f"{name}.npy")
    made = synthetic(name, runs, records)
    pairs = pairs_of(made, index, keep=keep)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    torch = importlib.util.find_spec("torch") is not None
    retriever = train_retriever(index, pairs, seed=seed, encoder="queries" if torch else "none")
    seconds = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    control = train_retriever(index, first_sentences(pairs, index), seed=seed, encoder="spans" if torch else "none")
    values = scored(name, index, retriever, retriever.ways)
    values |= {f"{way} (first-sentences)": v for way, v in scored(name, index, control, WAYS[-2:]).items()}
    if torch:
        values |= {f"{way} (no queries)": v for way, v in scored(name, index, control, ENCODED).items()}
    best = max(BASELINES, key=lambda way: values[way]["nDCG@10"].mean())
    count = len(next(iter(values.values()))["nDCG@10"])
    print(f"\n{name}: {len(index.chunks)} documents, {count} real queries; {len(made)} synthetic, {len(pairs)} kept")
    print(f"adapter at strength {retriever.strength:g}; trained in {seconds:.0f} CPU-s; best untrained: {best}")
    rows = {}
    for way, found in values.items():
        pairs_with = "embedding" if way.startswith(("adapted", "encoder")) else best
        gain = gain_of(values[pairs_with]["nDCG@10"], found["nDCG@10"])
        rows[way] = {figure: _plain(mean_of(v)) for figure, v in found.items()} | {
            "gain nDCG@10": _plain(gain),
            "against": pairs_with,
        }
        told = "" if way in BASELINES else f"  gain over {pairs_with} {gain}"
        shown = "  ".join(f"{figure} {mean_of(v)}" for figure, v in found.items() if figure != "recall@5")
        print(f"  {way:27s} {shown}{told}")
    weights = dict(zip(_features(), (round(float(w), 2) for w in retriever.reranker.weights), strict=True))
    return {
        "documents": len(index.chunks),
        "real_queries": count,
        "synthetic_queries": len(made),
        "kept": len(pairs),
        "adapter_strength": retriever.strength,
        "train_cpu_s": round(seconds, 1),
        "reranker": weights,
        "ways": rows,
        "examples": [record["fields"]["question"] for record in made[:5]],
    }


def _features() -> tuple[str, ...]:
    from veridical.retrieval.reranker import FEATURES

    return FEATURES


def _plain(figure: Any) -> list[float]:
    return [round(figure.value, 4), round(figure.low, 4), round(figure.high, 4)]


def main() -> None:
    """Run the sets that are asked for and write the result."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--sets", nargs="+", default=["xquad_en", "scifact"])
    asked.add_argument("--runs", type=Path, default=ROOT / "runs" / "retrieval")
    asked.add_argument("--records", type=int, default=300)
    asked.add_argument(
        "--keep", type=float, default=0.9, help="the surest share of the queries (InPars: mean log-prob)"
    )
    asked.add_argument("--seed", type=int, default=0)
    given = asked.parse_args()
    found = {name: judged(name, given.runs, given.records, given.keep, given.seed) for name in given.sets}
    print(write_result("retrieval", {"model": "SmolLM2-135M-Instruct", "keep": given.keep, "sets": found}))


if __name__ == "__main__":
    main()
