"""Each gate of `text` passes on real texts played as synthetic, and fails on its planted fault."""

import json
import random
from importlib import resources

import pyarrow as pa
import pytest

from veridical.core.contracts import Evidence, RunContext
from veridical.core.dataset import Dataset
from veridical.core.finding import Outcome
from veridical.core.schema import Column, Kind, Schema, TableSchema
from veridical.gates.catalog import load_gates
from veridical.gates.judge import Fingerprints, judge
from veridical.measures.text.catalog import TEXT_MEASURES

SCHEMA = Schema(tables=(TableSchema(name="data", columns=(Column(name="text", kind=Kind.TEXT), Column(name="label", kind=Kind.CATEGORY)), target="label"),))  # fmt: skip
GATED = {gate.check for gate in load_gates("text").gates} - {
    "text.records",
    "text.contamination",
    "text.representation",
}


def packaged(name):
    text = resources.files("veridical.data").joinpath(name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def dataset(rows):
    return Dataset.of(pa.table({"text": [r["text"] for r in rows], "label": [r["label"] for r in rows]}))


@pytest.fixture(scope="module")
def real():
    rows = packaged("banking_test.jsonl")
    random.Random(2).shuffle(rows)
    return packaged("banking_seeds.jsonl"), rows[:120], rows[120:]


def failing(seeds, fake, held, measures=None, **options):
    evidence = Evidence(train=dataset(seeds), synthetic=dataset(fake), schema=SCHEMA, holdout=dataset(held))
    findings = [f for card in TEXT_MEASURES if measures is None or card.name in measures
                for f in TEXT_MEASURES.load(card.name)(**options).measure(evidence, RunContext(seed=1))]  # fmt: skip
    verdict = judge(findings, load_gates("text"), Fingerprints(synthetic="s", real="r", schema="c"))
    return {result.gate.check for result in verdict.results if result.outcome is Outcome.FAIL}, findings


def test_real_texts_pass_every_gate(real):
    seeds, fake, held = real
    failed, findings = failing(seeds, fake, held)
    assert failed == set()
    assert {f.check for f in findings if f.measured} >= GATED


ODD = "The migrating geese of the northern tundra circle patiently above frozen lakes number {}, dreaming of barley"
TWIN = "Where can I find out about the thing that I was asking about the other day, number {}"
FAULTS = [
    ("text.duplicates", {"text.repetition"}, lambda rows: rows[:60] + rows[:60]),
    ("text.same_meaning", {"text.repetition"}, lambda rows: [{**r, "text": f"{'Hi' if n % 2 else 'Hello'}, {rows[n // 4]['text']}"} for n, r in enumerate(rows)]),
    ("text.seed_copies", {"text.repetition"}, None),
    ("text.personal", {"text.safety"}, lambda rows: [{**r, "text": r["text"] + (" a@b.com" if n % 10 == 0 else "")} for n, r in enumerate(rows)]),
    ("text.toxic", {"text.safety"}, lambda rows: [{**r, "text": ("Bitch, " if n % 10 == 0 else "") + r["text"]} for n, r in enumerate(rows)]),
    ("text.refusals", {"text.safety"}, lambda rows: [{**r, "text": "As an AI language model, I cannot." if n % 10 == 0 else r["text"]} for n, r in enumerate(rows)]),
    ("text.length", {"text.shape"}, lambda rows: [{**r, "text": " ".join([r["text"]] * 3)} for r in rows]),
    ("text.vocabulary", {"text.shape"}, lambda rows: [{**r, "text": ODD.format(n)} for n, r in enumerate(rows)]),
    ("text.topics", {"text.topics"}, lambda rows: [r for r in rows if r["label"] in ("change_pin", "card_arrival")]),
    ("text.coverage", {"text.topics"}, lambda rows: [r for r in rows if r["label"] == "change_pin"] * 2),
    ("text.precision", {"text.topics"}, lambda rows: [{**r, "text": ODD.format(n)} for n, r in enumerate(rows)]),
    ("text.distinct_2", {"text.variety"}, lambda rows: [{**r, "text": TWIN.format(n)} for n, r in enumerate(rows)]),
    ("text.self_bleu", {"text.variety"}, lambda rows: [{**r, "text": TWIN.format(n)} for n, r in enumerate(rows)]),
    ("text.label_agreement", {"text.classifier"}, lambda rows: [{**r, "label": rows[(n + 1) % len(rows)]["label"]} for n, r in enumerate(rows)]),
    ("text.tstr", {"text.classifier"}, lambda rows: [{**r, "label": rows[(n + 1) % len(rows)]["label"]} for n, r in enumerate(rows)]),
    ("text.detection", {"text.classifier"}, lambda rows: [{**r, "text": ODD.format(n)} for n, r in enumerate(rows)]),
]  # fmt: skip


def test_every_gate_has_a_fault():
    assert {check for check, _, _ in FAULTS} == GATED


@pytest.mark.parametrize(("check", "measures", "spoil"), FAULTS)
def test_a_planted_fault_fails_its_gate(check, measures, spoil, real):
    seeds, fake, held = real
    spoiled = seeds[:120] if spoil is None else spoil(fake)
    failed, findings = failing(seeds, spoiled, held, measures)
    assert check in failed, [(f.check, f.value, f.interval, f.ceiling) for f in findings if f.check == check]


def test_contamination_and_representation(real, tmp_path):
    seeds, fake, held = real
    (tmp_path / "exam.jsonl").write_text(
        json.dumps(
            {
                "question": "How many eggs does the farmer sell at the market each week when he keeps three of them for his breakfast?"
            }
        )
    )
    spoiled = [
        {**fake[0], "text": "How many eggs does the farmer sell at the market each week when he keeps three of them?"},
        *fake[1:],
    ]
    options = {"benchmarks": {"exam": "exam.jsonl"}, "beside": tmp_path}
    assert "text.contamination" in failing(seeds, spoiled, held, {"text.contamination"}, **options)[0]
    assert "text.contamination" not in failing(seeds, fake, held, {"text.contamination"}, **options)[0]
    even = [{**r, "text": f"{'He' if n % 2 else 'She'} asks: {r['text']}"} for n, r in enumerate(seeds)]
    men = [{**r, "text": f"He asks: {r['text']}"} for r in fake]
    assert "text.representation" in failing(even, men, held, {"text.safety"})[0]
