"""Does the page say what it should, to whom it should, and nothing more?"""

import json
import re

import numpy as np
import pyarrow as pa
import pytest

from chromium import visit
from veridical.core.contracts import Evidence
from veridical.core.dataset import Dataset
from veridical.core.finding import Direction, Finding, Gate, Interval, Verdict, not_measured
from veridical.core.schema import Column, Kind, Schema, TableSchema
from veridical.gates.judge import Fingerprints, judge
from veridical.reports.audience import Audience, published_finding
from veridical.reports.axes import axis_of
from veridical.reports.folder import write_validation
from veridical.reports.html import PageContent, page
from veridical.reports.junit import junit_xml
from veridical.reports.terminal import summary
from veridical.reports.views import chance_floor, column_views, pair_views, total_variation
from veridical.spec.gates import GateSet, Waiver
from veridical.store.artifact import open_sealed

INSIDE, OUTSIDE = Audience(name="inside", k=1), Audience(name="outside", k=5)
PRIVATE = Audience(name="private", k=5)
EVIL = "<script>alert(1)</script>"
UNIQUE_NUMBER, UNIQUE_WORD = 987_654_321, "Xyzzyplugh"


def tables(rows=600, seed=0):
    rng = np.random.default_rng(seed)
    income = rng.normal(50_000, 9_000, rows).round()
    return pa.table(
        {
            "income": income,
            "job": rng.choice(["clerk", "nurse", "smith"], rows),
            EVIL: rng.integers(0, 4, rows),
            "since": pa.array(np.datetime64("2020-01-01") + rng.integers(0, 900, rows), pa.date32()),
        }
    )


def schema():
    columns = (
        Column(name="income", kind=Kind.DECIMAL, storage="double"),
        Column(name="job", kind=Kind.CATEGORY),
        Column(name=EVIL, kind=Kind.INTEGER, storage="int64"),
        Column(name="since", kind=Kind.DATE, storage="date32[day]"),
    )
    return Schema(tables=(TableSchema(name="data", columns=columns),))


def planted(rows=600):
    real = tables(rows).to_pydict()
    real["income"][7], real["job"][7] = UNIQUE_NUMBER, UNIQUE_WORD
    return pa.table(real, schema=tables(1).schema)


def evidence(real=None, synthetic=None):
    real = tables() if real is None else real
    synthetic = tables(seed=1) if synthetic is None else synthetic
    return Evidence(train=Dataset.of(real), synthetic=Dataset.of(synthetic), schema=schema(), holdout=Dataset.of(real))


def findings():
    return [
        Finding(
            check="privacy.exact_copies", value=0.3, n=600, direction=Direction.LOWER, p_value=1e-9, ceiling=0.01,
            interval=Interval(0.2, 0.4), sentence="Copies!", detail={"rows": [UNIQUE_WORD], "ok": 1},
            sensitive_detail=("rows",),
        ),
        Finding(check="fidelity.c2st", value=0.51, n=600, direction=Direction.CEILING, ceiling=0.5, scope=(EVIL,)),
        not_measured("utility.tstr", "no target"),
    ]  # fmt: skip


GATES = GateSet(
    name="share",
    summary="for tests",
    gates=(
        Gate(check="privacy.exact_copies", why="copied", p_below=0.01),
        Gate(check="fidelity.c2st", why="fake", at_most=0.2, relative_to="ceiling"),
        Gate(check="utility.tstr", why="useless", at_least=-0.1, relative_to="ceiling"),
    ),
)


def verdict(waivers=()) -> Verdict:
    return judge(findings(), GATES, Fingerprints(synthetic="5" * 64, real="6" * 64, schema="7" * 64), waivers)


def content(audience=OUTSIDE, **others):
    values = {
        "title": "people", "verdict": verdict(), "findings": findings(), "evidence": evidence(), "audience": audience,
    }  # fmt: skip
    return PageContent(**(values | others))


def test_the_verdict_and_its_reasons_come_first_in_words():
    text = page(content())
    assert text.index("Fail") < text.index("Copies!") < text.index('id="distributions"')
    assert "no target" in text and "not measured" in text


@pytest.mark.parametrize("audience", [INSIDE, OUTSIDE, PRIVATE])
def test_a_column_named_like_a_script_stays_text(audience):
    text = page(content(audience))
    assert EVIL not in text
    assert "&lt;script&gt;" in text
    assert len(re.findall(r"<script", text)) == len(re.findall(r"</script", text))


@pytest.mark.parametrize("audience", [OUTSIDE, PRIVATE])
def test_outsiders_see_no_unique_value_and_no_extreme(audience, tmp_path):
    """The planted row must not be found, in any spelling, in any file that is written."""
    write_validation(content(audience, evidence=evidence(real=planted())), tmp_path / "validate")
    for file in (tmp_path / "validate").iterdir():
        text = file.read_text()
        assert UNIQUE_WORD not in text, file.name
        for spelling in ("987654321", "987,654,321", "9.87654e+08", "9.877e+08"):
            assert spelling not in text, (file.name, spelling)


def test_insiders_do_see_the_planted_value():
    """Else the test above would prove nothing."""
    text = page(content(INSIDE, evidence=evidence(real=planted())))
    assert UNIQUE_WORD in text


def test_no_count_under_k_is_shown_and_no_cell_can_be_had_by_subtraction():
    real = tables(40)
    views = column_views(evidence(real=real), OUTSIDE)
    pairs = pair_views(evidence(real=real), OUTSIDE, [view.name for view in views])
    for shares in [view.real for view in views if view.real] + [pair.real for pair in pairs]:
        total = sum(1 for share in shares if share > 0)
        smallest = min((share for share in shares if share > 0), default=1.0)
        assert smallest >= 5 / (40 + 5 * total) - 1e-9
    assert OUTSIDE.shown(np.array([0, 1, 4, 5, 6, 7, 8, 12])).tolist() == [0, 0, 0, 5, 5, 5, 10, 10]


def test_under_privacy_every_figure_of_real_rows_is_withheld():
    text = page(content(PRIVATE))
    assert "600" not in re.sub(r"<svg.*?</svg>", "", text.split("<main")[1], flags=re.S).replace(
        "synthetic rows</dt><dd>600", ""
    )
    hidden = published_finding(findings()[0], PRIVATE)
    assert (hidden.value, hidden.n, hidden.ceiling, hidden.detail) == (None, 0, None, {})
    assert all(view.real is None for view in column_views(evidence(real=planted()), PRIVATE))
    assert pair_views(evidence(), PRIVATE, ["income", "job"]) == []


def test_sensitive_detail_is_dropped_for_outsiders_only():
    assert published_finding(findings()[0], OUTSIDE).detail == {"ok": 1}
    assert "rows" in published_finding(findings()[0], INSIDE).detail


def test_the_folder_is_sealed_and_machine_readable(tmp_path):
    write_validation(content(), tmp_path / "validate")
    assert set(open_sealed(tmp_path / "validate", "validation").files) == {
        "verdict.json", "findings.json", "report.html", "junit.xml",
    }  # fmt: skip
    assert Verdict.from_dict(json.loads((tmp_path / "validate/verdict.json").read_text())) == verdict()
    again = [Finding.from_dict(item) for item in json.loads((tmp_path / "validate/findings.json").read_text())]
    assert [finding.check for finding in again] == [finding.check for finding in findings()]


def test_the_same_content_gives_the_same_bytes():
    assert page(content()) == page(content())


def test_junit_counts_and_survives_control_characters():
    from xml.etree import ElementTree

    odd = [Finding(check="fidelity.c2st", value=0.9, n=1, direction=Direction.CEILING, ceiling=0.5, scope=("a\x00b",))]
    xml = junit_xml(judge(odd, GATES, Fingerprints(synthetic="s", real="r", schema="c")))
    suite = ElementTree.fromstring(xml).find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), len(suite.findall("testcase/failure"))) == ("3", "3", 3)


def test_waivers_stand_before_failures():
    waived = verdict([Waiver(check="privacy.exact_copies", by="Ada Lovelace", because="test data")])
    text = page(content(verdict=waived))
    assert text.index("Ada Lovelace") < text.index("What fails")


def test_the_terminal_summary_is_short_and_says_what_stops():
    text = summary(verdict(), findings(), width=90)
    assert text.startswith("FAIL")
    assert "privacy.exact_copies: 0.3" in text and "utility.tstr" in text
    assert "\x1b" not in text and "\x1b" in summary(verdict(), findings(), colour=True)
    assert len(text.splitlines()) < 40


def test_whole_numbers_get_whole_bins_and_a_spike_its_own():
    values = pa.chunked_array([np.r_[np.zeros(700), np.arange(1, 301)].astype(np.int64)])
    axis = axis_of(Column(name="a", kind=Kind.INTEGER), values, values, bins=8, k=5)
    assert axis is not None and "= 0" in axis.labels
    counts = np.bincount(axis.codes(values), minlength=len(axis.labels))
    assert counts.sum() == 1000 and counts[axis.labels.index("= 0")] == 700
    assert not any("." in label for label in axis.labels)


def test_an_empty_or_null_column_does_not_break_the_page():
    real = tables().set_column(0, "income", pa.nulls(600, pa.float64()))
    assert "not drawn" in page(content(evidence=evidence(real=real))).lower()


def test_total_variation_and_its_floor():
    rng = np.random.default_rng(0)
    floors, seen = [], []
    for _ in range(200):
        one, two = (rng.multinomial(400, [0.5, 0.3, 0.15, 0.05]) for _ in range(2))
        seen.append(total_variation(one, two))
        floors.append(chance_floor(one, two))
    assert np.mean(floors) == pytest.approx(np.mean(seen), rel=0.08)


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_a_real_browser_shows_the_page_without_errors_network_or_sideways_scrolling(tmp_path, width, dark):
    write_validation(content(), tmp_path / "validate")
    seen = visit(
        tmp_path / "validate" / "report.html",
        width=width,
        dark=dark,
        scripts={
            "over": "document.documentElement.scrollWidth - document.documentElement.clientWidth",
            "background": "getComputedStyle(document.body).backgroundColor",
            "toggle": "document.getElementById('theme').click(); getComputedStyle(document.body).backgroundColor",
            "search": "(() => { const s = document.getElementById('search'); s.value = 'inco'; "
            "s.dispatchEvent(new Event('input')); "
            "return [...document.querySelectorAll('.card')].filter(c => !c.hidden).length })()",
            "drill": "document.querySelector('.matrix [data-pair]').click(); "
            "document.querySelectorAll('#joint svg').length",
            "cut": "[...document.querySelectorAll('#joint svg')].filter(svg => { "
            "return [...svg.querySelectorAll('text')].some(text => { const t = text.getBoundingClientRect(), "
            "s = svg.getBoundingClientRect(); return t.left < s.left - 1 || t.bottom > s.bottom + 1 }) }).length",
            "alert": "document.querySelectorAll('main script:not([type])').length",
            "names": "[...document.querySelectorAll('button, input, select')].filter(e => "
            "!(e.textContent.trim() || e.ariaLabel || e.labels?.length)).length",
            "headings": "document.querySelectorAll('h1').length",
        },
    )
    assert seen.problems == []
    assert [url for url in seen.requests if not url.startswith(("file:", "data:"))] == []
    answers = seen.answers
    assert answers["over"] <= 0
    assert answers["search"] == 1 and answers["drill"] == 3
    assert answers["cut"] == 0  # names of bins are whole
    assert answers["background"] != answers["toggle"]
    assert (answers["background"] == "rgb(20, 23, 26)") is dark
    assert (answers["alert"], answers["names"], answers["headings"]) == (0, 0, 1)


@pytest.mark.browser
def test_printed_everything_is_open_and_on_white(tmp_path):
    write_validation(content(), tmp_path / "validate")
    seen = visit(
        tmp_path / "validate" / "report.html",
        width=794,
        dark=True,
        media="print",
        scripts={
            "open": "dispatchEvent(new Event('beforeprint')); "
            "[...document.querySelectorAll('details')].filter(more => !more.open).length",
            "background": "getComputedStyle(document.body).backgroundColor",
            "ink": "getComputedStyle(document.body).color",
            "tools": "getComputedStyle(document.querySelector('nav')).display",
        },
    )
    assert seen.problems == []
    assert (seen.answers["open"], seen.answers["tools"]) == (0, "none")
    assert seen.answers["background"] == "rgb(255, 255, 255)"
    assert max(map(int, seen.answers["ink"][4:-1].split(","))) < 120, seen.answers["ink"]
