"""In which forms do evaluators and retrievers want grounded questions?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veridical.core.errors import DataError, SpecError
from veridical.core.rng import stream
from veridical.integrations.records import Accepted
from veridical.store.runfolder import write_bytes, writing_folder

if TYPE_CHECKING:
    from veridical.retrieval.index import Index

FORMS = ("ragas", "pairs", "triplets", "beir")


def export_grounded(
    records: Iterable[Accepted], folder: Path, forms: Sequence[str], *, index: Index | None, negatives: int = 4
) -> list[Path]:
    """Write accepted questions in each form and return the files: "ragas" for evaluation, the others for retrieval.

    `triplets` (with `negatives` hard ones a query) and `beir` need the passages: give their `index`.

    Raises:
        SpecError: there is no such form, or it needs an index. DataError: the records are no grounded questions.
    """
    kept = list(records)
    for form in forms:
        if form not in FORMS:
            raise SpecError(f"no form is called {form!r}", where="export", fix=f"use {', '.join(FORMS)}")
        if form in ("triplets", "beir") and index is None:
            raise SpecError(f"{form} needs the documents", where="export", fix="give --documents")
    if not all("question" in record.fields for record in kept) or not kept:
        raise DataError("these records hold no questions", where="export", fix="give a run of `grounded` or `inpars`")
    written: list[Path] = []
    with writing_folder(folder) as target:
        for form in forms:
            if form == "beir" and index is not None:
                written += [folder / name for name in _write_beir(kept, index, target)]
                continue
            rows = _rows(form, kept, index, negatives)
            write_bytes(target / f"{form}.jsonl", _lines(rows))
            written.append(folder / f"{form}.jsonl")
    return written


def ragas(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a question as Ragas's samples have it; a conversation's `user_input` is its messages.

    Example:
        >>> ragas({"question": "Why?", "answer": "So.", "contexts": [{"text": "So.", "gold": True}]})["reference"]
        'So.'
    """
    contexts = fields.get("contexts") or ([{"text": fields["context"], "gold": True}] if "context" in fields else [])
    asked: Any = fields["question"]
    if fields.get("history"):
        turns = [
            (kind, turn[name]) for turn in fields["history"] for kind, name in (("human", "question"), ("ai", "answer"))
        ]
        asked = [{"type": kind, "content": text} for kind, text in (*turns, ("human", asked))]
    return {
        "user_input": asked,
        "reference": fields.get("answer", ""),
        "reference_contexts": [context["text"] for context in contexts if context["gold"]],
        "retrieved_contexts": [context["text"] for context in contexts],
        "synthesizer_name": fields.get("kind", "query"),
        "persona_name": fields.get("persona"),
        "query_style": fields.get("style"),
        "query_length": fields.get("length"),
    }


def _rows(form: str, records: Sequence[Accepted], index: Index | None, negatives: int) -> list[dict[str, Any]]:
    if form == "ragas":
        return [{**ragas(record.fields), **record.making} for record in records]
    pairs = [
        {"anchor": _asked(record.fields), "positive": text, **record.making}
        for record in records
        for text in _gold_texts(record.fields)
    ]
    if form == "pairs" or index is None:
        return pairs
    return _triplets(records, index, negatives)


def _triplets(records: Sequence[Accepted], index: Index, negatives: int) -> list[dict[str, Any]]:
    from veridical.curate.sentence import embed
    from veridical.retrieval.pairs import hard_negatives, pairs_of

    rng = stream(0, "export", "negatives")
    rows = []
    for record in records:
        if not _gold_texts(record.fields):
            continue  # an unanswerable question has no right passage
        for pair in pairs_of([record.fields], index):
            wrong = hard_negatives(pair, index, embed([pair.query])[0], negatives, rng)
            right = index.chunks[pair.place].text
            rows += [
                {"anchor": pair.query, "positive": right, "negative": index.chunks[place].text, **record.making}
                for place in wrong
            ]
    return rows


def _write_beir(records: Sequence[Accepted], index: Index, target: Path) -> list[str]:
    """Write corpus.jsonl, queries.jsonl and qrels/test.tsv, as BEIR (Thakur et al. 2021) lays them out."""
    from veridical.retrieval.pairs import pairs_of

    corpus = [{"_id": chunk.id, "title": chunk.title, "text": chunk.text} for chunk in index.chunks]
    answered = [record for record in records if _gold_texts(record.fields)]
    queries = [{"_id": record.making["id"], "text": _asked(record.fields)} for record in answered]
    relevant = ["query-id\tcorpus-id\tscore"]
    for record in answered:
        for pair in pairs_of([record.fields], index):
            relevant.append(f"{record.making['id']}\t{index.chunks[pair.place].id}\t1")
    write_bytes(target / "corpus.jsonl", _lines(corpus))
    write_bytes(target / "queries.jsonl", _lines(queries))
    (target / "qrels").mkdir()
    write_bytes(target / "qrels" / "test.tsv", ("\n".join(relevant) + "\n").encode())
    return ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"]


def _asked(fields: Mapping[str, Any]) -> str:
    return str(fields.get("standalone") or fields["question"])


def _gold_texts(fields: Mapping[str, Any]) -> list[str]:
    if "context" in fields:
        return [str(fields["context"])]
    return [str(context["text"]) for context in fields.get("contexts", ()) if context.get("gold")]


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
