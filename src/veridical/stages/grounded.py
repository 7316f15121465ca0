"""Do the spans of grounded records stand where they say, whoever made the records?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veridical.connect.document import Document, chunked, read_documents
from veridical.engines.grounded.alignment import align
from veridical.retrieval.gain import Figure, figures, gain_of, mean_of
from veridical.retrieval.index import Index
from veridical.retrieval.retriever import WAYS, Retriever

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanCheck:
    """How many spans of how many records stand in the documents; `faults` counts what is wrong, by kind."""

    records: int
    spans: int
    right: int
    faults: Mapping[str, int]
    examples: tuple[str, ...]  # record and fault, never the text

    @property
    def holds(self) -> bool:
        """Whether there are spans, and all of them stand."""
        return not self.faults and self.spans > 0


def check_spans(records: Iterable[Mapping[str, Any]], documents: Sequence[Document]) -> SpanCheck:
    """Return whether each record's spans stand in the documents, to the character.

    A record has `spans` ({document, start, end, text}); one without them may have an `answer` and a `document`, whose
    text must hold the answer. Questions without an answer need no span.
    """
    texts = {document.id: document.text for document in documents}
    count = spans = right = 0
    faults: Counter[str] = Counter()
    examples: list[str] = []
    for number, record in enumerate(records):
        count += 1
        for fault in _faults(record.get("fields", record), texts):
            spans += 1
            right += not fault
            if fault:
                faults[fault] += 1
                examples += [f"record {number}: {fault}"] if len(examples) < _SHOWN else []
    return SpanCheck(records=count, spans=spans, right=right, faults=dict(faults), examples=tuple(examples))


def _faults(fields: Mapping[str, Any], texts: Mapping[str, str]) -> Iterator[str]:
    spans = fields.get("spans") or ()
    if not spans and {"context", "document", "start", "end"} <= fields.keys():
        spans = ({**fields, "text": fields["context"]},)  # a query: its passage is what must stand
    if not spans and fields.get("answerable", bool(fields.get("answer"))):
        text = texts.get(str(fields.get("document", "")))
        yield "no span" if text is None else "" if align(str(fields["answer"]), text) else "the answer stands nowhere"
    for span in spans:
        text = texts.get(str(span.get("document", "")))
        if text is None:
            yield "no such document"
        else:
            yield "" if text[int(span["start"]) : int(span["end"])] == span["text"] else "the text there is another"


@dataclass(frozen=True, slots=True, kw_only=True)
class WayJudged:
    """What one way of searching comes to on real queries: each figure, and the gain in nDCG@10 over the best of the
    untrained ways (None for those)."""

    way: str
    figures: Mapping[str, Figure]
    gain: Figure | None
    against: str


def index_of(source: Path, *, words: int) -> Index:
    """Return the index over the documents of a file or folder."""
    return Index(chunks=chunked(read_documents(source), words=words))


def judge_retriever(
    retriever: Retriever, index: Index, queries: Sequence[tuple[str, frozenset[str]]]
) -> tuple[WayJudged, ...]:
    """Return every way's figures on real queries, each ({query}, ids of its right documents)."""
    values = {}
    for way in retriever.ways:
        ranked = []
        for query, _ in queries:
            found = [index.chunks[place].document for place in retriever.rank(index, query, 40, way=way)]
            ranked.append(list(dict.fromkeys(found)))
        values[way] = figures(ranked, [relevant for _, relevant in queries])
    best = max(WAYS[:3], key=lambda way: values[way]["nDCG@10"].mean())
    return tuple(
        WayJudged(
            way=way,
            figures={name: mean_of(each) for name, each in found.items()},
            gain=None if way in WAYS[:3] else gain_of(values[best]["nDCG@10"], found["nDCG@10"]),
            against=best,
        )
        for way, found in values.items()
    )
