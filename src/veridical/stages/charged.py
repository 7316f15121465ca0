"""What may be said of a private run's data: figures that are charged already, or that need no real row?

Fidelity is measured against the noisy counts the model was learned from; comparing with them again costs nothing
(post-processing). `ceiling` is the distance that their noise, and drawing as many rows, would hardly ever exceed alone.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from veridical.core import digest
from veridical.core.contracts import PrivacyEvent
from veridical.core.dataset import Dataset
from veridical.core.errors import BudgetError
from veridical.core.finding import Direction, Finding, not_measured
from veridical.core.schema import Schema
from veridical.engines.tabular.dp.inference import Measurement
from veridical.engines.tabular.dp.private import NoisySampler
from veridical.engines.tabular.dp.sampler import MarginalSampler
from veridical.engines.tabular.dp.shape import SHAPES, VOTED
from veridical.engines.tabular.generator import TableGenerator
from veridical.engines.tabular.neural.sampler import NeuralSampler
from veridical.gates.catalog import load_gates
from veridical.gates.judge import Fingerprints, judge
from veridical.measures.catalog import MEASURES
from veridical.prepare import violations
from veridical.privacy.accountants import epsilon_of, total
from veridical.privacy.words import partly_told, untold
from veridical.reports.audience import Audience
from veridical.reports.html import PageContent

WITHHELD = "withheld: it would be an exact figure of real rows, which the budget does not cover"
_HALF_NORMAL = math.sqrt(2 / math.pi)
_SURE = 3.0  # of the noise's own deviations: noise alone goes beyond in one run of a thousand


def charged_page(
    generator: TableGenerator, synthetic: Dataset, gates: str, *, delta: float, claim: float, source: str
) -> PageContent:
    """Return the verdict and everything a page may show of a private run; no real row is at hand here.

    `claim` is the epsilon promised at `delta`, `source` the keyed name of the real data. Gates on other figures
    than the charged ones are "not measured", so a set made for exact figures lets nothing out.

    Raises:
        SpecError: the gates are wrong.
    """
    from veridical.core.contracts import Evidence

    gate_set = load_gates(gates)
    findings = [*privacy_findings(generator.spent, delta=delta, claim=claim)]
    findings += validity_findings(synthetic, generator.schema)
    if isinstance(generator.sampler, MarginalSampler | NeuralSampler):
        findings += noisy_findings(generator, synthetic.only)
    withheld = withheld_beside(findings)
    prints = Fingerprints(synthetic=synthetic.fingerprint, real=source, schema=generator.schema.fingerprint)
    schema = generator.schema
    return PageContent(
        title=synthetic.name,
        verdict=judge(findings, gate_set, prints, ()),
        findings=[*findings, *withheld],
        # The page draws the synthetic rows alone: it is never handed a real one.
        evidence=Evidence(train=synthetic, synthetic=synthetic, schema=schema),
        audience=Audience(name="charged", k=max(schema.rare_below, 2)),
        gate_summary=gate_set.summary,
        notes=[
            "No figure here was computed from real rows without being charged to the privacy ledger: "
            "fidelity is told against the noisy counts that the generator was learned from."
        ],
    )


def withheld_beside(findings: Sequence[Finding]) -> list[Finding]:
    """Return every measure that is not among the findings, as withheld."""
    known = {finding.check for finding in findings}
    return [not_measured(card.name, WITHHELD) for card in MEASURES if card.name not in known]


def privacy_findings(events: Sequence[PrivacyEvent], *, delta: float, claim: float) -> list[Finding]:
    """Return what the ledger adds up to, and whether that holds what was claimed."""
    try:
        spent = epsilon_of(total(events), delta)
    except BudgetError as unknown:
        reason = f"NOT PRIVATE: {unknown.what} ({unknown.where})"
        finding = Finding(check="privacy.ledger", value=0.0, n=len(events), direction=Direction.HIGHER, sentence=reason)
        return [finding, not_measured("privacy.epsilon", reason)]
    holds = bool(events) and spent <= claim * (1 + 1e-6)
    words = f"{len(events)} events add up to epsilon {spent:.4g} at delta {delta:g}; {claim:g} was promised."
    return [
        Finding(check="privacy.ledger", value=float(holds), n=len(events), direction=Direction.HIGHER, sentence=words),
        Finding(check="privacy.epsilon", value=spent, n=len(events), direction=Direction.LOWER, sentence=words),
    ]


def validity_findings(synthetic: Dataset, schema: Schema) -> list[Finding]:
    """Return whether the rows keep the schema's rules and types: told from synthetic rows alone."""
    table, law = synthetic.only, schema.only
    broken = sum(violation.rows for violation in violations(table, law))
    names = {column.name for column in law.columns if column.role.value != "drop"}
    odd = len(names ^ set(table.column_names))
    return [
        Finding(
            check="validity.rules",
            value=float(broken),
            n=table.num_rows,
            direction=Direction.LOWER,
            sentence=f"{broken} rows break a rule of the schema.",
        ),
        Finding(
            check="validity.columns",
            value=float(odd),
            n=table.num_rows,
            direction=Direction.LOWER,
            sentence=f"{odd} columns differ from the schema.",
        ),
    ]


def noisy_findings(generator: TableGenerator, synthetic: pa.Table, *, beside: Collection[str] = ()) -> list[Finding]:
    """Return how far the synthetic rows are from the noisy counts, for single columns and for pairs and more.

    Marginals of nothing but columns `beside` the table's own are left out: they speak of another table.
    """
    sampler = generator.sampler
    assert isinstance(sampler, MarginalSampler | NeuralSampler)
    codes = _codes(sampler, synthetic, generator)
    if codes is None or not sampler.measurements:
        return [not_measured("fidelity.noisy_columns", "nothing was modelled")]
    found = []
    for check, wide in (("fidelity.noisy_columns", False), ("fidelity.noisy_pairs", True)):
        names = [coding.column.name for coding in sampler.codings]
        own = [m for m in sampler.measurements if not all(names[c] in beside for c in m.columns)]
        chosen = [m for m in own if (len(m.columns) > 1) is wide]
        if not chosen:
            found.append(not_measured(check, "no such marginal was measured"))
            continue
        parts = [_distance(m, codes, sampler.sizes, sampler.total) for m in chosen]
        far, mean = (float(np.mean([part[i] for part in parts])) for i in (0, 1))
        if not wide:
            found.append(_noise(mean, generator, len(chosen)))
        floor = mean + _SURE * math.sqrt(sum(part[2] for part in parts)) / len(parts)
        found.append(
            Finding(
                check=check,
                value=far,
                n=len(chosen),
                direction=Direction.CEILING,
                ceiling=floor,
                detail={"ceiling_is": "noise alone"},  # no row of anybody's was held out
                sentence=(
                    f"On average over {len(chosen)} noisy marginals, shares differ by {far:.3f} (total variation); "
                    f"noise and drawing so many rows alone make about {mean:.3f}, hardly ever more than {floor:.3f}."
                    f"{_farthest(chosen, parts, names)}{'' if wide else _advice(generator)}"
                ),
            )
        )
    return found


def _noise(mean: float, generator: TableGenerator, columns: int) -> Finding:
    """Return which part of the rows noise moves, were there as few rows as their noisy number leaves possible."""
    rows = float(generator.sampler.total)  # type: ignore[attr-defined]
    looks = [event.parameters["sigma"] for event in generator.spent if event.what.endswith(VOTED)]
    # The number is an average over columns of sums over shapes.
    least = rows - _SURE * sum(looks) * math.sqrt(SHAPES / columns)
    share = min(1.0, mean * rows / least) if least > 0 else 1.0
    words = f"Noise and drawing so many rows move {share:.0%} of the rows of a column at most, on average over columns."
    return Finding(check="fidelity.noise", value=share, n=columns, direction=Direction.LOWER, sentence=words)


def _farthest(chosen: Sequence[Measurement], parts: Sequence[tuple[float, float, float]], names: Sequence[str]) -> str:
    """Say which marginals differ by more than noise and drawing make."""
    beyond = sorted((mean + _SURE * math.sqrt(spread) - far, place) for place, (far, mean, spread) in enumerate(parts))
    told = [f"{' x '.join(names[c] for c in chosen[p].columns)} {parts[p][0]:.2f}" for over, p in beyond if over < 0]
    return f" Beyond noise: {', '.join(told[:3])}." if told else ""


def _advice(generator: TableGenerator) -> str:
    lost = [*untold(generator.spent), *partly_told(generator.spent)]
    if not lost:
        return ""
    return (
        f" Too few rows share a value for this epsilon in {', '.join(lost[:5])}{' ...' if len(lost) > 5 else ''}: give "
        "a larger epsilon, or a schema that declares what is known of them `public: true`."
    )


def _distance(measured: Any, codes: Any, sizes: Sequence[int], rows: float) -> tuple[float, float, float]:
    """Return how far drawn rows are from a noisy marginal, and mean and variance of what noise alone would make."""
    index = np.ravel_multi_index([codes[c] for c in measured.columns], [sizes[c] for c in measured.columns])
    counts = np.bincount(index, minlength=measured.counts.size).reshape(measured.counts.shape)
    scaled = counts * (rows / max(1, len(index)))
    # What is drawn varies too: a cell of share p in n rows by sqrt(p / n) about.
    drawn = rows * np.sqrt(np.clip(measured.counts, 0.0, rows) / rows / max(1, len(index)))
    spread = np.sqrt(np.square(np.broadcast_to(measured.sigma, measured.counts.shape)) + np.square(drawn))
    return (
        float(0.5 * np.abs(scaled - measured.counts).sum() / rows),
        float(0.5 * _HALF_NORMAL * spread.sum() / rows),
        float(0.25 * (1 - _HALF_NORMAL**2) * np.square(spread).sum() / rows**2),
    )


def _codes(sampler: NoisySampler, synthetic: pa.Table, generator: TableGenerator) -> Any:
    if not sampler.codings:
        return None
    encoded = generator.restore.encode(synthetic)
    return [
        coding.encode(coding.cells_of(encoded[coding.column.name].combine_chunks()))
        if encoded[coding.column.name].num_chunks != 1
        else coding.encode(coding.cells_of(encoded[coding.column.name].chunk(0)))
        for coding in sampler.codings
    ]


def keyed(fingerprint: str) -> str:
    """Return a name of real data that tells nothing of it to those without this user's key."""
    from veridical.privacy.account import Account

    return digest.of_bytes(Account.default().keyed(fingerprint).encode())
