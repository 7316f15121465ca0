"""How much of what names a person do the rules find? `python -m benchmarks.deidentify`

Korean: the persons, places and dates that people marked in KLUE's NER development set (5,000 sentences). The rules
were mended while looking at the errors of its even-numbered sentences, and the weights of what a name looks like were
fitted there; the odd ones were never looked at, and are reported.
KLUE marks "today", "for ten years" and "2013" as dates too, which name no day: those count against `date` alone, and
for dates and periods together; full days are told apart.
English and Korean: made-up identifiers planted in made-up texts; one English set has names of strange syllables
that stand in no list, so that finding them takes more than looking them up.
"""

from __future__ import annotations

import gzip
import json
import re
import resource
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.environment import ROOT, write_result
from veridical.core.rng import stream
from veridical.deidentify.entity import KINDS, Entity
from veridical.deidentify.finder import All, Rules
from veridical.deidentify.score import SpanScore, span_score
from veridical.fabricate import column

KLUE = ROOT.parent / "shared" / "data" / "klue_ko" / "ner_dev.tsv.gz"
_KINDS = {"PS": "name", "LC": "place", "DT": "date"}
_FULL = re.compile(r"\d+월\s?\d+일|\d{4}[.-]\d+[.-]\d+")
_FORMS = (
    "{name} was admitted to the ward on {date} after a fall at home; call {phone}.",
    "Please send the refund for card {card} to {name}, {address}. Her e-mail is {email}.",
    "I spoke with {name} about the order on {date}. The SSN on file is {national_id}.",
    "The tenant, {name}, moved from {city} to {address}. Phone: {phone}.",
    "Dear {name}, your login from {ip} on {date} was blocked. Regards, Support",
    "Witness {name} said that the car stood outside all night.",
)
_KOREAN = (
    "{name} 씨는 {date} {city}에서 넘어져 입원했다. 연락처는 {phone}.",
    "환불은 {name} 고객님의 계좌로, 주소 {address}. 주민번호 {national_id}, 이메일 {email}",
    "어제 {name} 과장이 {city}에 다녀왔다.",
)
_DATES = {"en_US": ("3 May 2021", "May 3, 2021", "2021-05-03", "05/03/2021"), "ko_KR": ("2021년 5월 3일", "2021.05.03")}


def klue() -> Iterator[tuple[str, list[Entity]]]:
    """Yield each sentence of KLUE's set with what people marked."""
    content = gzip.decompress(KLUE.read_bytes()).decode()
    for block in content.split("\n\n"):
        lines = [line for line in block.split("\n") if "\t" in line and not line.startswith("## ")]
        if not lines:
            continue
        signs, tags = zip(*(line.split("\t") for line in lines), strict=True)
        yield "".join(sign or " " for sign in signs), list(_marked(tags))


def _marked(tags: tuple[str, ...]) -> Iterator[Entity]:
    start: tuple[int, str] | None = None
    for place, tag in enumerate((*tags, "O")):
        if start is not None and not tag.startswith("I-"):
            if start[1] in _KINDS:
                yield Entity(start[0], place, _KINDS[start[1]])
            start = None
        if tag.startswith("B-"):
            start = (place, tag[2:])


def planted(locale: str, rows: int, *, strange: bool) -> Iterator[tuple[str, list[Entity]]]:
    """Yield made-up texts with what was planted and where; `strange` names stand in no list."""
    rng = stream(3, "benchmark", locale, int(strange))
    kinds = ("first_name", "last_name", "phone", "card", "national_id", "ip", "address", "city")
    values = {kind: column(kind, locale=locale, rows=rows, rng=rng).to_pylist() for kind in kinds}
    forms = _KOREAN if locale == "ko_KR" else _FORMS
    for row in range(rows):
        each = {kind: str(held[row]).replace("\n", ", ") for kind, held in values.items()}
        first, last = each["first_name"], each["last_name"]
        if strange:
            first, last = _strange(rng), _strange(rng)
        each["name"] = f"{last}{first}" if locale == "ko_KR" else f"{first} {last}"
        each["email"] = f"u{row}@mail{row % 7}.example.com"
        each["date"] = _DATES[locale][row % len(_DATES[locale])]
        yield _filled(forms[row % len(forms)], each)


def _strange(rng: np.random.Generator) -> str:
    parts = ("zor", "quin", "vel", "tash", "mbe", "kro", "yul", "oph", "dra", "wex", "ilo", "bund", "sef", "tir")
    return "".join(parts[int(at)] for at in rng.integers(0, len(parts), 2)).capitalize()


def _filled(form: str, values: dict[str, str]) -> tuple[str, list[Entity]]:
    text, marked = "", []
    for part in re.split(r"(\{\w+\})", form):
        if part.startswith("{"):
            kind = part[1:-1]
            marked.append(Entity(len(text), len(text) + len(values[kind]), "place" if kind == "city" else kind))
            part = values[kind]
        text += part
    return text, marked


def judged(name: str, texts: list[tuple[str, list[Entity]]], *, joined: bool) -> dict[str, Any]:
    """Print and return the scores of one set; `joined` counts addresses as places, as KLUE does."""
    finder = All((Rules(),), kinds=KINDS)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    found = [finder.entities(text) for text, _ in texts]
    seconds = resource.getrusage(resource.RUSAGE_SELF).ru_utime - before
    if joined:
        found = [[Entity(e.start, e.end, "place" if e.kind == "address" else e.kind) for e in each] for each in found]
    marked = [entities for _, entities in texts]
    print(f"\n{name}: {len(texts):,} texts, {seconds:.1f} CPU-s")
    rows: dict[str, Any] = {"texts": len(texts), "cpu_s": round(seconds, 2)}
    for kind in sorted({entity.kind for each in marked for entity in each}):
        for exact in (True, False):
            score = span_score(found, marked, kind=kind, exact=exact)
            rows[f"{kind} {'exact' if exact else 'overlap'}"] = _plain(score)
            print(f"  {kind:12s} {'exact  ' if exact else 'overlap'} {score}  ({score.marked:,} marked)")
    if joined:
        times = [[Entity(e.start, e.end, "date" if e.kind == "period" else e.kind) for e in each] for each in found]
        for exact in (True, False):
            score = span_score(times, marked, kind="date", exact=exact)
            rows[f"date and period {'exact' if exact else 'overlap'}"] = _plain(score)
            print(f"  date+period  {'exact  ' if exact else 'overlap'} {score}  ({score.marked:,} marked)")
        full = [[e for e in each if e.kind != "date" or _FULL.search(e.of(t))] for (t, each) in texts]
        score = span_score(found, full, kind="date", exact=False)
        rows["date, full days, recall"] = round(score.recall, 4)
        print(f"  full days    overlap recall {score.recall:.3f} ({score.marked:,} marked)")
    return rows


def _plain(score: SpanScore) -> dict[str, float]:
    names = ("precision", "recall", "f1", "low", "high", "marked")
    return {name: round(float(getattr(score, name)), 4) for name in names}


def main() -> None:
    """Score every set and write the result."""
    sets = (
        ("planted English", "en_US", False),
        ("planted English, names of no list", "en_US", True),
        ("planted Korean", "ko_KR", False),
    )
    found = {
        name: judged(name, list(planted(locale, 300, strange=strange)), joined=False) for name, locale, strange in sets
    }
    if KLUE.exists():
        found["KLUE, odd sentences"] = judged("KLUE, odd sentences", list(klue())[1::2], joined=True)
    print(write_result("deidentify", json.loads(json.dumps(found))))


if __name__ == "__main__":
    main()
