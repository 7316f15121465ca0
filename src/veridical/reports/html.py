"""What does the page show that a person opens to decide?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from veridical.core.contracts import Evidence
from veridical.core.finding import Finding, Verdict
from veridical.core.rng import stream
from veridical.core.version import VERSION
from veridical.reports.audience import Audience, published_findings, published_verdict
from veridical.reports.charts import column_chart, density_map
from veridical.reports.embedding import map_view
from veridical.reports.explanation import Explanations, explanations_of
from veridical.reports.sections import FIRST_ROWS, outcome_class, sections_of
from veridical.reports.views import MAX_PAIRS, PairView, column_views, pair_views
from veridical.reports.wording import SYMBOLS, figure, headline, ordered, scope_words, title_of

MAX_CARDS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class PageContent:
    """Everything a page is made of; nothing else is read while it is drawn."""

    title: str
    verdict: Verdict
    findings: Sequence[Finding]
    evidence: Evidence
    audience: Audience
    gate_summary: str = ""
    notes: Sequence[str] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0


def page(content: PageContent) -> str:
    """Return one self-contained HTML page: no network, no script but its own, readable without scripts."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("veridical.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    source = environment.loader.get_source  # type: ignore[union-attr]
    return environment.get_template("report.html").render(
        style=Markup(source(environment, "report.css")[0]),
        script=Markup(source(environment, "report.js")[0]),
        **_values(content),
    )


def _values(content: PageContent) -> dict[str, Any]:
    audience = content.audience
    verdict = published_verdict(content.verdict, audience)
    findings = published_findings(content.findings, audience)
    columns = column_views(content.evidence, audience)
    pairs = pair_views(content.evidence, audience, [view.name for view in columns if view.labels])
    map_ = map_view(content.evidence, audience, stream(content.seed, "report", "map"))
    return {
        "title": content.title,
        "version": VERSION,
        "verdict": verdict,
        "headline": headline(content.verdict),
        "verdict_class": outcome_class(verdict.outcome),
        "results": ordered(verdict.results),
        "gate_summary": content.gate_summary,
        "audience": audience,
        "notes": content.notes,
        "sizes": _sizes(content),
        "sections": sections_of(findings, verdict),
        "first_rows": FIRST_ROWS,
        "columns": [(view, column_chart(view)) for view in columns[:MAX_CARDS] if view.labels],
        "not_drawn": [view for view in columns if not view.labels],
        "columns_left_out": max(0, sum(bool(view.labels) for view in columns) - MAX_CARDS),
        "matrix": _matrix(pairs),
        "pair_data": _embedded(_pair_data(pairs)),
        "worst_pairs": pairs[:8],
        "maps": None if map_ is None else {side: density_map(map_, side) for side in ("real", "synthetic")},
        "map_explained": 0.0 if map_ is None else map_.explained,
        "explain": Explanations() if audience.private else explanations_of(findings),
        "provenance": {**_fingerprints(verdict), **content.provenance},
        "figure": figure,
        "title_of": title_of,
        "scope_words": scope_words,
        "outcome_class": outcome_class,
        "symbols": SYMBOLS,
    }


def _sizes(content: PageContent) -> dict[str, str]:
    evidence = content.evidence
    sizes = {"synthetic rows": f"{evidence.synthetic.rows:,}", "columns": str(len(evidence.schema.only.columns))}
    if content.audience.private:
        return sizes  # under privacy the exact number of people is a figure of the real data too
    held = evidence.holdout.rows if evidence.holdout is not None else 0
    return {"real rows": f"{evidence.train.rows:,}", "held out": f"{held:,}", **sizes}


def _fingerprints(verdict: Verdict) -> dict[str, str]:
    return {
        "synthetic data, SHA-256": verdict.synthetic_fingerprint,
        "real data, SHA-256": verdict.real_fingerprint,
        "schema, SHA-256": verdict.schema_fingerprint,
    }


def _matrix(pairs: Sequence[PairView]) -> dict[str, Any]:
    names: list[str] = []
    for name in [name for pair in pairs for name in pair.columns]:
        if name not in names:
            names.append(name)
    place = {frozenset(pair.columns): index for index, pair in enumerate(pairs)}
    rows = []
    for one in names:
        cells = []
        for two in names:
            index = place.get(frozenset((one, two)))
            cells.append(None if index is None else _cell(pairs[index], index))
        rows.append({"name": one, "cells": cells})
    return {"names": names, "rows": rows}


def _cell(pair: PairView, index: int) -> dict[str, Any]:
    excess = max(pair.distance - pair.floor, 0.0)
    # The scale is fixed, so that a good page looks calm: 0.25 above chance is the darkest.
    return {"index": index, "shade": round(min(excess / 0.25, 1.0), 2), "pair": pair, "open": index < MAX_PAIRS}


def _pair_data(pairs: Sequence[PairView]) -> list[dict[str, Any]]:
    return [
        {
            "a": pair.columns[0],
            "b": pair.columns[1],
            "rows": pair.rows,
            "cols": pair.cols,
            "real": pair.real,
            "synthetic": pair.synthetic,
            "distance": pair.distance,
            "floor": pair.floor,
        }
        for pair in pairs[:MAX_PAIRS]
    ]


def _embedded(value: Any) -> Markup:
    """Return JSON that may stand inside a script element: nothing in it can close the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char, code in (
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u2028", "\\u2028"),
        ("\u2029", "\\u2029"),
    ):
        text = text.replace(char, code)
    return Markup(text)
