"""Does the checklist say what the run knows, leave open what only a person knows, and claim nothing more?"""

from veridical.core.finding import Outcome, Verdict
from veridical.core.schema import Column, Kind, Role, Schema, TableSchema
from veridical.privacy import words
from veridical.reports.card import Story
from veridical.reports.checklist import items_of, write_checklist

SPENT = [{"what": "ages", "mechanism": "discrete_gaussian", "parameters": {"sigma": 40.0, "sensitivity": 1.0}}]
TOLD = {"epsilon": 1.0, "delta": 1e-6, "unit": "patient_id", "rows_per_unit": 2}


def story(*, private, results=(), waivers=(), declared=()):
    columns = (
        Column(name="patient_id", kind=Kind.IDENTIFIER), Column(name="born", kind=Kind.DATE),
        Column(name="shoe", kind=Kind.INTEGER, role=Role.DROP),
    )  # fmt: skip
    sentences = words.explained(SPENT, TOLD)
    predicate = {
        "request": {"request": {"where": "age > 3"}, "rows": {"patients": 1200}, "format": "parquet"},
        "protection": {
            "guarantee": sentences[0] if private else "none by proof", "how": sentences[1:],
            "differential_privacy": SPENT if private else None, "declared_public": list(declared),
        },
        "method": {"engine": "aim"}, "made_with": {"veridical": "0"}, "licence": None,
        "verdict": {"gate_set": "private", "results": list(results)}, "waivers": list(waivers),
    }  # fmt: skip
    verdict = Verdict(
        outcome=Outcome.PASS,
        gate_set="private",
        results=(),
        synthetic_fingerprint="a",
        real_fingerprint="b",
        schema_fingerprint="c",
    )
    schema = Schema(tables=(TableSchema(name="patients", columns=columns),))
    return Story(name="patients", schema=schema, verdict=verdict, predicate=predicate)


def answers(**more):
    return {(item.source, item.question): item.answer for item in items_of(story(**more))}


def one(found, word):
    (answer,) = (text for (_, question), text in found.items() if word in question)
    return answer


RESULT = {"check": "privacy.singling_out", "limit": "0.1", "outcome": "pass", "value": 0.0123}


def test_what_the_run_knows_is_filled_in():
    found = answers(private=False, results=[RESULT], waivers=[{"check": "x", "by": "A. Person", "because": "a trial"}])
    assert "1,200 rows of patients as parquet; where: age > 3" in one(found, "asked for")
    assert "waived by A. Person (a trial)" in one(found, "approved")
    assert "privacy.singling_out: 0.1" in one(found, "thresholds")
    assert "pass (0.0123, limit 0.1)" in one(found, "attacks find")
    assert "singled out: privacy.singling_out pass" in one(found, "singled out")
    assert "shoe" in one(found, "every column")
    assert "patient_id" in one(found, "eighteen") and "born" in one(found, "eighteen")


def test_what_only_a_person_knows_stays_open():
    found = answers(private=True)
    for word in ("harm", "compatible", "legal basis", "told of", "impact", "expert", "anybody know"):
        assert "to be filled in by a person" in one(found, word), word
    for word in (
        "asked for",
        "receive",
        "approved",
        "still identifiable",
        "eighteen",
    ):  # facts help, and decide nothing
        assert one(found, word).endswith("_to be filled in by a person_"), word


def test_a_guarantee_is_never_called_anonymity():
    found = answers(private=True)
    assert "epsilon 1" in one(found, "formal guarantee")
    assert "whether the bound is small enough to call the data anonymous" in one(found, "still identifiable")
    assert "none was run on real rows" in one(found, "attacks find")


def test_public_tables_are_named_where_codes_are_asked_for():
    found = answers(private=True, declared=["every row of wards, which goes out as it is"])
    assert "every row of wards" in one(found, "code lead back")
    assert "wards" not in one(answers(private=True), "code lead back")


def test_the_page_says_that_it_is_no_advice(tmp_path):
    write_checklist(tmp_path, story(private=True))
    page = (tmp_path / "checklist.md").read_text()
    assert "not legal advice" in page and page.count("|") > 60


def test_a_fact_about_somebody_in_the_data_moves_by_twice_epsilon():
    said = " ".join(words.explained(SPENT, TOLD))
    assert "change by a factor of 2.72 at most" in said
    assert "square of that at most, 7.39" in said
    assert any("veridical validate" in line for line in words.NOT_COVERED)
