"""AIM as its paper states it (McKenna et al. 2022), on mbi's own inference, with bounds and categories for free."""

import itertools
import json
import math
import sys
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import mbi  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

BINS, MOST_MB = 32, 80.0
job = json.loads(Path(sys.argv[1]).read_text())
train = pd.read_parquet(job["train"])
rng = np.random.default_rng()

codes, back, sizes = {}, {}, {}
for name in train:
    column = train[name]
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > BINS:
        edges = np.linspace(column.min(), column.max(), BINS + 1)
        codes[name] = np.clip(np.searchsorted(edges, column, side="right") - 1, 0, BINS - 1)
        back[name], sizes[name] = edges, BINS
    else:
        found, levels = pd.factorize(column.astype(object).where(column.notna(), "(missing)").astype(str), sort=True)
        codes[name], back[name], sizes[name] = found, levels, len(levels)
domain = mbi.Domain(tuple(sizes), tuple(sizes.values()))
data = mbi.Dataset(codes, domain)
rho = job["rho"]
rounds = 16 * len(sizes)
sigma, epsilon = math.sqrt(rounds / (2 * 0.9 * rho)), math.sqrt(8 * 0.1 * rho / rounds)


def measured(clique: tuple[str, ...], scale: float) -> mbi.LinearMeasurement:
    """Return noisy counts of one marginal."""
    counts = np.asarray(data.project(clique).datavector())
    return mbi.LinearMeasurement(counts + rng.normal(0, scale, counts.shape), clique, stddev=scale)


def size_mb(cliques: list[tuple[str, ...]]) -> float:
    """Return what the junction tree of some cliques takes."""
    return mbi.junction_tree.hypothetical_model_size(domain, cliques)


ones = [(name,) for name in sizes]
candidates = [*ones, *itertools.combinations(sizes, 2)]
weight = {c: sum(len(set(c) & set(other)) for other in itertools.combinations(sizes, 2)) for c in candidates}
answers = {c: np.asarray(data.project(c).datavector()) for c in candidates}
measurements = [measured(c, sigma) for c in ones]
used = len(ones) / (2 * sigma**2)
learner = mbi.estimation.MirrorDescent()
model = learner.estimate(domain, measurements, iters=1000)
while used < rho * (1 - 1e-9):
    if rho - used < 2 * (1 / (2 * sigma**2) + epsilon**2 / 8):
        left = rho - used
        sigma, epsilon = math.sqrt(1 / (2 * 0.9 * left)), math.sqrt(8 * 0.1 * left)
    used += 1 / (2 * sigma**2) + epsilon**2 / 8
    known = [m.clique for m in measurements]
    open_cliques = [c for c in candidates if len(c) == 1 or size_mb([*known, c]) <= MOST_MB * used / rho]
    expected = {c: np.asarray(model.project(c).datavector()) for c in open_cliques}
    noise = math.sqrt(2 / math.pi) * sigma
    scores = np.array(
        [weight[c] * (np.abs(answers[c] - expected[c]).sum() - noise * len(answers[c])) for c in open_cliques]
    )
    largest = max(weight.values())
    chosen = open_cliques[int(np.argmax(epsilon * scores / (2 * largest) + rng.gumbel(size=len(scores))))]
    measurements.append(measured(chosen, sigma))
    before = expected[chosen]
    model = learner.estimate(domain, measurements, iters=1000, warm_start=model)
    if np.abs(np.asarray(model.project(chosen).datavector()) - before).sum() <= noise * len(before):
        sigma, epsilon = sigma / 2, epsilon * 2
made = model.synthetic_data(job["rows"])
made = made.df if hasattr(made, "df") else pd.DataFrame(dict(made.data))
out = {}
for name in train:
    drawn = made[name].to_numpy().astype(int)
    if isinstance(back[name], np.ndarray):
        out[name] = back[name][drawn] + rng.random(len(drawn)) * np.diff(back[name])[drawn]
        if pd.api.types.is_integer_dtype(train[name]):
            out[name] = np.rint(out[name])
    else:
        out[name] = pd.Series(back[name][drawn]).astype(train[name].dtype, errors="ignore")
pd.DataFrame(out).to_parquet(job["output"])
Path(job["answer"]).write_text("{}")
