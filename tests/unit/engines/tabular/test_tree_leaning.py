"""Is a column told better by what all earlier columns say together, and only when they say something?"""

import numpy as np
import pyarrow as pa

from veridical.core.contracts import RunContext
from veridical.core.schema import Column, Kind
from veridical.engines.tabular.tree import leaning
from veridical.engines.tabular.tree.growing import Predictor, Target
from veridical.engines.tabular.tree.model import TreeModel
from veridical.engines.tabular.tree.sampler import TreeSampler

WEAK = 12


def votes(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, size=(WEAK, rows))
    told = rng.random(rows) < 1 / (1 + np.exp(-(bits.sum(axis=0) - WEAK / 2)))
    return bits, told.astype(np.int64)


def table(rows: int, seed: int) -> pa.Table:
    bits, told = votes(rows, seed)
    return pa.table({f"bit{i}": bit for i, bit in enumerate(bits)} | {"told": told})


COLUMNS = [Column(name=f"bit{i}", kind=Kind.INTEGER, storage="int64") for i in range(WEAK)] + [
    Column(name="told", kind=Kind.INTEGER, storage="int64")
]


def fitted(leanings: int) -> TreeSampler:
    model = TreeModel(orders=("given",), leanings=leanings)
    return model.fit(table(4_000, 0), COLUMNS, RunContext(seed=0))


def test_many_weak_links_are_followed_together() -> None:
    fresh = table(4_000, 1)
    with_leanings, without = fitted(3).log_likelihood(fresh).mean(), fitted(0).log_likelihood(fresh).mean()
    assert with_leanings > without + 0.02


def test_noise_has_no_leaning() -> None:
    rng = np.random.default_rng(0)
    rows = np.arange(3_000, dtype=np.int32)
    codes = rng.integers(0, 8, 3_000).astype(np.uint16)
    predictors = [Predictor(rng.integers(0, 9, 3_000).astype(np.uint16), 9, True) for _ in range(6)]
    assert leaning.fit(Target.of(codes, 8, rows, ordered=False), predictors, rows, 3) == ([], [])


def test_a_saved_model_keeps_its_leanings(tmp_path) -> None:
    model = fitted(3)
    assert any(part.leanings.each for part in model.parts)
    model.save(tmp_path / "m")
    again = TreeSampler.load(tmp_path / "m")
    drawn = [each.draw(500, np.random.default_rng(5)) for each in (model, again)]
    assert drawn[0].equals(drawn[1])
