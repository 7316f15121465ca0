"""`veridical grounded`: documents in, questions checked against them, retrievers trained on them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from veridical.cli.options import SOURCE

REFUSED = 3


@click.group("grounded", no_args_is_help=True)
def grounded() -> None:
    """Work with documents, and with questions that stand on them.

    \b
      veridical grounded documents manuals/ -o passages.jsonl    what is read, cut into passages with offsets
      veridical text questions.yaml -o runs/a                    recipes `grounded` and `inpars` make the questions
      veridical grounded check runs/a --documents manuals/       every span stands where it says
      veridical grounded export runs/a --to ragas -o out         for evaluation, or for training a retriever
      veridical grounded train runs/a --documents manuals/ -o retriever
      veridical grounded judge retriever --documents manuals/ --queries real.jsonl
    """


@grounded.command("documents")
@click.argument("source", type=SOURCE)
@click.option("-o", "--output", type=SOURCE, help="Passages as JSON lines; `FILE.text.jsonl` gets the whole texts.")
@click.option("--words", default=120, show_default=True, help="Words a passage has at most.")
@click.option("--overlap", default=0, show_default=True, help="Sentences that the next passage repeats.")
def documents(source: Path, output: Path | None, words: int, overlap: int) -> None:
    """Read the text, Markdown, HTML, PDF, Word or JSON files of SOURCE, and cut them into passages."""
    from dataclasses import asdict

    from veridical.connect.document import chunked, questions_beside, read_documents
    from veridical.store.runfolder import write_bytes

    found = read_documents(source)
    chunks = chunked(found, words=words, overlap=overlap)
    kinds = sorted({document.media for document in found})
    click.echo(f"documents   {len(found):,} ({', '.join(kinds)}), {sum(len(d.text) for d in found):,} characters")
    for file in questions_beside(source):
        click.echo(f"left out    {file.name}: questions, not documents")
    click.echo(f"passages    {len(chunks):,} of at most {words} words")
    if output is None:
        for chunk in chunks[:3]:
            click.echo(f"  {chunk.id} [{chunk.start}:{chunk.end}] {' '.join(chunk.text.split())[:90]}")
        return
    lines = "".join(json.dumps(asdict(chunk), ensure_ascii=False) + "\n" for chunk in chunks)
    write_bytes(output, lines.encode())
    rows = ({"id": d.id, "title": d.title, "source": d.source, "text": d.text} for d in found)
    write_bytes(Path(f"{output}.text.jsonl"), "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows).encode())
    click.echo(f"written     {output}")


@grounded.command("check")
@click.argument("records", type=SOURCE)
@click.option("--documents", "source", type=SOURCE, required=True, help="What the records say they stand on.")
def check(records: Path, source: Path) -> int:
    """Look up every span of RECORDS (a run's folder or a JSON-lines file, whoever made it) in the documents.

    Exit code 3: a span does not stand where it says.
    """
    from veridical.connect.document import read_documents
    from veridical.stages.grounded import check_spans

    found = check_spans(_records(records), read_documents(source))
    click.echo(f"records     {found.records:,}\nspans       {found.right:,} of {found.spans:,} stand where they say")
    for fault, count in found.faults.items():
        click.echo(f"  {count:,}  {fault}")
    for line in found.examples[:5]:
        click.echo(f"  {line}")
    return 0 if found.holds else REFUSED


@grounded.command("export")
@click.argument("run", type=SOURCE)
@click.option("--to", "forms", multiple=True, required=True, help="ragas, pairs, triplets or beir; may be repeated.")
@click.option("-o", "--output", type=SOURCE, required=True, help="The folder to write.")
@click.option("--documents", "source", type=SOURCE, help="For triplets and beir: where wrong passages come from.")
@click.option("--words", default=120, show_default=True, help="Words a passage has at most, as in the run.")
@click.option("--negatives", default=4, show_default=True, help="Hard negatives a query.")
def export(
    run: Path, forms: tuple[str, ...], output: Path, source: Path | None, words: int, negatives: int
) -> None:  # fmt: skip
    """Write the accepted questions of RUN for evaluation (Ragas) or for training a retriever."""
    from veridical.integrations.grounded import export_grounded
    from veridical.integrations.records import read_accepted
    from veridical.stages.grounded import index_of

    index = None if source is None else index_of(source, words=words)
    for path in export_grounded(read_accepted(run), output, forms, index=index, negatives=negatives):
        click.echo(f"written     {path}")


@grounded.command("train")
@click.argument("run", type=SOURCE)
@click.option("--documents", "source", type=SOURCE, required=True, help="What the queries were made from.")
@click.option("-o", "--output", type=SOURCE, required=True, help="The folder for the retriever.")
@click.option("--words", default=120, show_default=True, help="Words a passage has at most.")
@click.option("--keep", default=0.9, show_default=True, help="The surest share of the queries, by log-probability.")
@click.option("--encoder", is_flag=True, help="Also an embedding model of the documents' own words (needs torch).")
@click.option("--seed", default=0, show_default=True)
def train(run: Path, source: Path, output: Path, words: int, keep: float, encoder: bool, seed: int) -> None:
    """Train an embedding adapter and a reranker on the queries of RUN."""
    from veridical.retrieval.pairs import pairs_of
    from veridical.retrieval.retriever import train_retriever
    from veridical.stages.grounded import index_of

    index = index_of(source, words=words)
    answered = [record for record in _records(run) if _is_answered(record)]
    pairs = pairs_of(answered, index, keep=keep)
    retriever = train_retriever(index, pairs, seed=seed, encoder="queries" if encoder else "none")
    retriever.save(output)
    click.echo(f"learned     {len(pairs):,} queries; the adapter turns at {retriever.strength:.0%} of its strength")
    if retriever.encoder is not None:
        click.echo(f"encoder     {len(retriever.encoder.terms):,} words learned from the documents and the queries")
    click.echo(f"written     {output}")


@grounded.command("judge")
@click.argument("retriever", type=SOURCE)
@click.option("--documents", "source", type=SOURCE, required=True, help="The corpus that is searched.")
@click.option("--queries", type=SOURCE, required=True, help="Real queries: {question or claim, doc_id or relevant}.")
@click.option("--words", default=120, show_default=True, help="Words a passage has at most.")
def judge(retriever: Path, source: Path, queries: Path, words: int) -> None:
    """Say how well RETRIEVER answers real queries, beside what needs no training, with 95 % intervals."""
    from veridical.retrieval.retriever import Retriever
    from veridical.stages.grounded import index_of, judge_retriever

    asked = [_query(record) for record in _records(queries)]
    asked = [(text, relevant) for text, relevant in asked if relevant]
    click.echo(f"queries     {len(asked):,}")
    for found in judge_retriever(Retriever.load(retriever), index_of(source, words=words), asked):
        shown = "  ".join(f"{name} {figure}" for name, figure in found.figures.items())
        gain = "" if found.gain is None else f"  gain over {found.against} {found.gain}"
        click.echo(f"{found.way:10s}  {shown}{gain}")


def _records(path: Path) -> list[dict[str, object]]:
    from veridical.curate.setting import read_records

    places = (path / "synthesize" / "data.jsonl", path / "data.jsonl") if path.is_dir() else (path,)
    return [dict(record) for record in read_records(next((p for p in places if p.is_file()), path))]


def _is_answered(record: dict[str, object]) -> bool:
    fields = record.get("fields", record)
    return bool(fields.get("answerable", True)) if isinstance(fields, dict) else False


def _query(record: dict[str, object]) -> tuple[str, frozenset[str]]:
    text = record.get("question") or record.get("claim") or record.get("query") or record.get("text") or ""
    relevant = record.get("relevant", record.get("doc_id", record.get("document", ())))
    return str(text), frozenset([str(relevant)] if isinstance(relevant, str | int) else map(str, relevant))  # type: ignore[call-overload]
