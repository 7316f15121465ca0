"""Are rows that look unlike real ones drawn less often, only where there is something to correct, and is it stored?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import Allowed, RunContext
from veridical.core.errors import ArtifactError
from veridical.core.schema import Column, Kind, Role
from veridical.engines.tabular.tree import correction, soundness
from veridical.engines.tabular.tree.correction import Boosting, Correction
from veridical.engines.tabular.tree.growing import LEFT, PREDICTOR, Growth, Predictor
from veridical.engines.tabular.tree.model import TreeModel
from veridical.engines.tabular.tree.sampler import TreeSampler

BLIND = TreeModel(growth=Growth(max_depth=0), leanings=0)  # trees that see no link at all


def bins(rows: int, seed: int, linked: float) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    left = rng.integers(0, 40, rows).astype(np.uint16)
    right = np.where(rng.random(rows) < linked, left, rng.integers(0, 40, rows)).astype(np.uint16)
    return [left, right, rng.integers(0, 100, rows).astype(np.uint16)]


def found(
    linked_real: float, linked_made: float, rows: int = 6_000, boosting: Boosting | None = None
) -> Correction | None:
    real = [Predictor(code, 100, nominal=at == 1) for at, code in enumerate(bins(rows, 0, linked_real))]
    every = np.arange(rows, dtype=np.int32)
    return correction.fit(real, bins(rows, 1, linked_made), every, boosting or Boosting(), seed=2)


def linked_table(rows: int = 8_000, seed: int = 0) -> tuple[pa.Table, list[Column]]:
    rng = np.random.default_rng(seed)
    level = rng.normal(50, 20, rows).round(1)
    table = pa.table(
        {
            "low": level,
            "left": (100 - level + rng.exponential(3, rows)).round(1),
            "kind": pa.array(np.where(level > 60, "a", "b")).dictionary_encode(),
        }
    )
    columns = [
        Column(name="low", kind=Kind.DECIMAL, storage="float64", decimals=1),
        Column(name="left", kind=Kind.DECIMAL, storage="float64", decimals=1),
        Column(name="kind", kind=Kind.CATEGORY),
    ]
    return table, columns


@pytest.fixture(scope="module")
def blind() -> TreeSampler:
    table, columns = linked_table()
    return BLIND.fit(table, columns, RunContext(seed=1))


def test_a_link_that_drawn_rows_lack_is_found() -> None:
    mended = found(0.6, 0.0)
    assert mended is not None
    drawn = bins(4_000, 3, 0.0)
    ratio = mended.log_ratio(drawn, 4_000)
    same = drawn[0] == drawn[1]
    assert ratio[same].mean() > ratio[~same].mean() + 1.5
    assert 2 <= mended.many <= correction.MOST_DRAWN


def test_rows_as_good_as_real_are_left_alone() -> None:
    assert found(0.6, 0.6) is None
    assert found(0.6, 0.0, boosting=Boosting(trees=0)) is None
    assert found(0.6, 0.0, rows=correction.LEAST_ROWS - 1) is None


def test_what_is_only_remembered_of_single_rows_is_left_alone() -> None:
    # Real rows that have nothing in common but themselves: ranges of noise on many columns.
    rng = np.random.default_rng(0)
    real = [Predictor(rng.integers(0, 255, 2_000).astype(np.uint16), 255, nominal=False) for _ in range(20)]
    made = [rng.integers(0, 255, 2_000).astype(np.uint16) for _ in range(20)]
    assert correction.fit(real, made, np.arange(2_000, dtype=np.int32), Boosting(min_leaf=5, patience=300), 0) is None


def test_kept_rows_are_as_many_as_asked_and_as_likely_as_their_ratio() -> None:
    ratio = np.where(np.arange(40_000) % 4 == 0, np.log(3.0), 0.0)
    order = np.random.default_rng(0).permutation(40_000).astype(np.int32)
    places = correction.kept(ratio, 10_000, order, seed=1)
    assert len(set(places.tolist())) == 10_000
    assert abs((places % 4 == 0).mean() - 0.5) < 0.01


@pytest.mark.parametrize("extreme", [0.0, 800.0, -800.0])
def test_kept_rows_are_as_many_as_asked_whatever_the_ratio(extreme: float) -> None:
    ratio = np.zeros(50)
    ratio[:3] = extreme
    order = np.arange(50, dtype=np.int32)
    for rows in (0, 1, 7, 49, 50):
        assert len(set(correction.kept(ratio, rows, order, seed=rows).tolist())) == rows


def test_what_the_trees_do_not_see_is_drawn_all_the_same(blind: TreeSampler) -> None:
    assert blind.correction is not None
    plain = replace(blind, correction=None).draw(4_000, np.random.default_rng(0)).to_pandas()
    mended = blind.draw(4_000, np.random.default_rng(0)).to_pandas()
    assert np.corrcoef(plain["low"], plain["left"])[0, 1] > -0.1
    assert np.corrcoef(mended["low"], mended["left"])[0, 1] < -0.6


def test_given_and_limited_columns_hold_under_a_correction(blind: TreeSampler) -> None:
    given = pa.table({"low": pa.array([20.0, 90.0] * 300)})
    drawn = blind.draw(600, np.random.default_rng(0), given=given)
    assert drawn.column("low").to_pylist() == given.column("low").to_pylist()
    left = drawn.column("left").to_numpy()
    assert np.median(left[1::2]) < np.median(left[::2]) - 20
    limited = blind.draw(500, np.random.default_rng(0), allowed={"left": Allowed(low=80.0)}).to_pandas()
    assert limited["left"].min() >= 80.0 and len(limited) == 500


def test_context_is_kept_row_by_row() -> None:
    table, columns = linked_table()
    columns[0] = replace(columns[0], role=Role.CONTEXT)
    sampler = BLIND.fit(table, columns, RunContext(seed=1))
    assert sampler.correction is not None
    drawn = sampler.draw(1_000, np.random.default_rng(0), given=table.select(["low"]).slice(0, 1_000))
    assert np.corrcoef(drawn.column("left").to_numpy(), table.column("low").to_numpy()[:1_000])[0, 1] < -0.4


def test_a_correction_survives_a_folder(blind: TreeSampler, tmp_path: Path) -> None:
    blind.save(tmp_path / "model")
    again = TreeSampler.load(tmp_path / "model")
    assert again.draw(300, np.random.default_rng(0)).equals(blind.draw(300, np.random.default_rng(0)))


@pytest.mark.parametrize("fault", ["child", "predictor", "root", "values", "many"])
def test_a_stored_correction_that_points_outside_itself_is_refused(
    blind: TreeSampler, tmp_path: Path, fault: str
) -> None:
    good = blind.correction
    assert good is not None
    nodes, roots, values, many = good.nodes.copy(), good.roots.copy(), good.values.copy(), good.many
    inner = np.flatnonzero(nodes[:, LEFT] >= 0)[0]
    if fault == "child":
        nodes[inner, LEFT : LEFT + 2] = [0, 1]
    elif fault == "predictor":
        nodes[inner, PREDICTOR] = 99
    elif fault == "root":
        roots[0] = len(nodes)
    elif fault == "values":
        values[0] = np.nan
    else:
        many = 1_000_000
    planted = replace(good, nodes=nodes, roots=roots, values=values, many=many)
    soundness.check(blind.parts, good)
    replace(blind, correction=planted).save(tmp_path / "model")
    with pytest.raises(ArtifactError, match="cannot be read"):
        TreeSampler.load(tmp_path / "model")
