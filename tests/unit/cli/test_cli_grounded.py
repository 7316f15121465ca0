"""The commands over documents, as a person runs them: read, generate from a transcript, check, export, train, judge."""

from __future__ import annotations

import json

import pytest

from veridical.cli.main import run

PAGES = {
    "tea.md": "# Tea\n\nTea came to Morley in 1801. The first tea house was opened by Agnes Tull.",
    "rain.txt": "Rain falls on Morley for 180 days a year. The wettest month is March.",
    "bridge.html": "<h1>Bridge</h1><p>The harbour bridge was opened in 1932 and took 1,400 men eight years.</p>",
    "bread.txt": "Rye bread is baked on Fridays. The baker of Morley is called Oskar Lind.",
    "chess.txt": "The chess club meets in the library. It was founded by Ida Brandt in 1954.",
}


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    for name, text in PAGES.items():
        (folder / name).write_text(text)
    return tmp_path


@pytest.mark.slow
def test_queries_are_made_exported_and_learned_from(place, capsys):
    replies = [
        {"match": "Tea came.*Relevant query:$", "reply": "when did tea come to Morley"},
        {"match": "Rain falls.*Relevant query:$", "reply": "how many days does it rain in Morley"},
        {"match": "harbour bridge.*Relevant query:$", "reply": "when was the harbour bridge opened"},
        {"match": "Rye bread is baked.*Relevant query:$", "reply": "who is the baker of Morley"},
        {"match": "chess club.*Relevant query:$", "reply": "hm"},
    ]
    (place / "script.jsonl").write_text("\n".join(map(json.dumps, replies)))
    spec = {
        "recipe": {"name": "inpars", "options": {"documents": "pages", "found_within": 2}},
        "models": {"teacher": {"provider": "scripted", "transcript": "script.jsonl"}},
        "records": 4,
        "pools": [{"duplicates": {"fields": ["question"]}}],
    }
    (place / "q.yaml").write_text(json.dumps(spec))
    runs = str(place / "run")
    assert run(["text", str(place / "q.yaml"), "-o", runs, "--quiet"]) == 0
    records = [json.loads(line) for line in (place / "run/synthesize/data.jsonl").read_text().splitlines()]
    assert len(records) == 4 and all(r["source"].endswith("#0") for r in records)
    pages = str(place / "pages")
    assert run(["grounded", "check", runs, "--documents", pages]) == 0, "a query's passage is looked up"
    out = place / "out"
    to = [part for form in ("ragas", "pairs", "triplets", "beir") for part in ("--to", form)]
    assert run(["grounded", "export", runs, *to, "-o", str(out), "--documents", pages]) == 0
    pairs = [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]
    triplets = [json.loads(line) for line in (out / "triplets.jsonl").read_text().splitlines()]
    assert {p["anchor"] for p in pairs} == {r["fields"]["question"] for r in records}
    assert all(t["negative"] != t["positive"] for t in triplets)
    qrels = (out / "qrels/test.tsv").read_text().splitlines()
    ids = {json.loads(line)["_id"] for line in (out / "corpus.jsonl").read_text().splitlines()}
    assert len(qrels) == 5 and all(line.split("\t")[1] in ids for line in qrels[1:])
    kept = str(place / "retriever")
    assert run(["grounded", "train", runs, "--documents", pages, "-o", kept]) == 0
    (place / "real.jsonl").write_text('{"question": "which year saw the first tea?", "doc_id": "tea.md"}\n')
    capsys.readouterr()
    assert run(["grounded", "judge", kept, "--documents", pages, "--queries", str(place / "real.jsonl")]) == 0
    said = capsys.readouterr().out
    assert "reranked" in said and "gain over" in said


def test_spans_of_anybody_are_looked_up(place, capsys):
    text = PAGES["rain.txt"]
    start = text.index("March")
    right = {
        "question": "?",
        "answer": "March",
        "spans": [{"document": "rain.txt", "start": start, "end": start + 5, "text": "March"}],
    }
    moved = {**right, "spans": [{**right["spans"][0], "start": start + 1}]}
    files = {}
    for name, rows in {
        "good": [right, {"question": "?", "answer": "180 days", "document": "rain.txt"}],
        "bad": [right, moved],
    }.items():
        files[name] = place / f"{name}.jsonl"
        files[name].write_text("\n".join(map(json.dumps, rows)))
    pages = ["--documents", str(place / "pages")]
    assert run(["grounded", "check", str(files["good"]), *pages]) == 0
    assert run(["grounded", "check", str(files["bad"]), *pages]) == 3
    assert "another" in capsys.readouterr().out


def test_documents_are_shown_and_written(place, capsys):
    out = place / "passages.jsonl"
    assert run(["grounded", "documents", str(place / "pages"), "-o", str(out), "--words", "8"]) == 0
    texts = {
        r["id"]: r["text"] for r in map(json.loads, (place / "passages.jsonl.text.jsonl").read_text().splitlines())
    }
    for chunk in map(json.loads, out.read_text().splitlines()):
        assert texts[chunk["document"]][chunk["start"] : chunk["end"]] == chunk["text"]
    assert run(["grounded", "documents", str(place / "nothing")]) == 2
    assert "5 (html, markdown, text)" in capsys.readouterr().out
