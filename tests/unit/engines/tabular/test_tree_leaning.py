"""Is a column told better by what all earlier columns say together, and only when they say something?"""

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import RunContext
from veridical.core.errors import ArtifactError
from veridical.core.schema import Column, Kind
from veridical.engines.tabular.tree import leaning
from veridical.engines.tabular.tree.growing import CUT, LEFT, PREDICTOR, RIGHT, Leaves, Predictor, Target
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
    found, more = leaning.fit(Target.of(codes, 8, rows, ordered=False), predictors, rows, 3)
    assert (found.each, more) == ((), [])


def test_a_saved_model_keeps_its_leanings(tmp_path) -> None:
    model = fitted(3)
    assert any(part.leanings.each for part in model.parts)
    model.save(tmp_path / "m")
    again = TreeSampler.load(tmp_path / "m")
    drawn = [each.draw(500, np.random.default_rng(5)) for each in (model, again)]
    assert drawn[0].equals(drawn[1])


def inner(leaves: Leaves) -> int:
    return int(np.flatnonzero(leaves.nodes[:, LEFT] >= 0)[0])


@pytest.mark.parametrize(
    ("what", "spoil"),
    [
        ("children", lambda leaves: leaves.nodes.__setitem__((inner(leaves), LEFT), 0)),
        (
            "children",
            lambda leaves: leaves.nodes.__setitem__((inner(leaves), slice(LEFT, RIGHT + 1)), [10**6, 10**6 + 1]),
        ),
        ("predictors", lambda leaves: leaves.nodes.__setitem__((inner(leaves), PREDICTOR), 500)),
        ("masks", lambda leaves: leaves.nodes.__setitem__((inner(leaves), CUT), -(10**6))),
        ("roots", lambda leaves: leaves.roots.__setitem__(0, 10**6)),
        ("leaves", lambda leaves: leaves.offsets.__setitem__(slice(None), 10**9)),
        ("tiles", lambda leaves: leaves.bounds.__setitem__(0, 10**6)),
    ],
)
def test_a_tree_that_points_outside_itself_is_refused(what, spoil, tmp_path) -> None:
    """Whoever makes a model folder can seal it too: the seal says that it is whole, not that it is sane."""
    model = fitted(3)
    spoil(
        next(part.leaves for part in model.parts if part.leaves is not None and (part.leaves.nodes[:, LEFT] >= 0).any())
    )
    model.save(tmp_path / "m")
    with pytest.raises(ArtifactError, match="cannot be read") as refused:
        TreeSampler.load(tmp_path / "m")
    assert what in str(refused.value.__cause__)


def test_leanings_that_point_outside_themselves_are_refused(tmp_path) -> None:
    model = fitted(3)
    leanings = next(part.leanings for part in model.parts if part.leanings.each)
    leanings.each[0].starts[-1] = 10**6
    model.save(tmp_path / "m")
    with pytest.raises(ArtifactError):
        TreeSampler.load(tmp_path / "m")
