"""Are values looked for where they are worth it, and is it said where nothing could be told?"""

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, Kind, TableSchema
from veridical.engines.tabular.dp.mst import MstModel, SinglesModel
from veridical.engines.tabular.dp.private import Terms, learn_private
from veridical.privacy.domain import number_cells
from veridical.privacy.ledger import Budget, Ledger
from veridical.privacy.mechanisms import Lens
from veridical.privacy.noise import SecureNoise, SeededNoise
from veridical.privacy.words import explained, partly_told, untold
from veridical.stages.private import skeleton

pytest.importorskip("opendp")


def learned(table, *, epsilon, schema=None, model=None):
    known = skeleton(Dataset.of(table)).only if schema is None else schema
    told = Terms(budget=Budget(epsilon=epsilon), declared=schema is not None)
    return learn_private(table, known, model or SinglesModel(), told, told.lens(SecureNoise()), RunContext())


def looks_at(found, name):
    return [event for event in found.events if event.what.startswith(f"{name}: categories")]


def test_a_second_look_goes_where_rows_have_no_name_yet():
    rng = np.random.default_rng(0)
    common = rng.choice(["a", "b"], 20_000)
    ranked = [f"v{int(place)}" for place in np.where(rng.random(20_000) < 0.8, 0, rng.integers(1, 500, 20_000))]
    found = learned(pa.table({"common": common, "ranked": ranked, "too": common, "again": common}), epsilon=8.0)
    assert len(looks_at(found, "common")) == 1
    first, second = looks_at(found, "ranked")
    assert second.parameters["sigma"] < first.parameters["sigma"] / 1.5
    assert first.parameters["delta"] == second.parameters["delta"], "both looks pay for what they may show"
    deltas = sum(event.parameters["delta"] for event in found.events if event.mechanism == "stability")
    assert deltas <= Budget(epsilon=8.0).stability_delta


def test_values_that_are_known_keep_their_place_and_new_ones_pass_the_threshold():
    lens = Lens(ledger=Ledger(Budget(epsilon=8.0)), noise=SeededNoise(0))
    values, noisy = lens.stable(
        "a look",
        lambda: (["seen", "rare", "new"], np.array([500, 1, 400])),
        rho=0.1,
        delta=1e-8,
        known=["seen", "gone"],
    )
    assert sorted(values) == ["gone", "new", "seen"]
    assert abs(noisy.counts[values.index("gone")]) < 6 * noisy.sigma, "counted, though no row has it any more"


def test_what_nothing_could_be_told_of_is_named():
    rng = np.random.default_rng(1)
    table = pa.table({"sex": rng.choice(["f", "m"], 300), "age": rng.integers(20, 90, 300)})
    found = learned(table, epsilon=0.2)
    assert set(untold(found.events)) == {"sex", "age"}
    plain = [{"what": e.what, "mechanism": e.mechanism, "parameters": dict(e.parameters)} for e in found.events]
    said = explained(plain, {"epsilon": 0.2, "delta": 1e-6, "unit": None})
    assert any("Too few rows share a value for this epsilon in sex, age" in line for line in said)
    assert untold(learned(table, epsilon=30.0).events) == []


def test_how_many_rows_hold_values_without_a_name_is_said():
    rng = np.random.default_rng(5)
    towns = np.where(rng.random(9000) < 0.6, 0, rng.integers(1, 4000, 9000))
    found = learned(pa.table({"town": [f"t{place}" for place in towns]}), epsilon=8.0)
    (said,) = partly_told(found.events)
    assert said in ("town: about 39%", "town: about 40%", "town: about 41%")
    assert partly_told(learned(pa.table({"x": ["a", "b"] * 4000}), epsilon=8.0).events) == []


def test_spikes_are_told_apart_where_the_budget_allows_and_not_where_it_does_not():
    rng = np.random.default_rng(2)
    ticks = np.where(rng.random(40_000) < 0.02, 41, rng.integers(0, 1000, 40_000)).astype(np.int64)

    def width_at_the_spike(rho):
        lens = Lens(ledger=Ledger(Budget(epsilon=50.0)), noise=SeededNoise(0))
        cells = number_cells(lens, "x", ticks, rho=rho)
        place = int(cells.place(np.array([41]))[0])
        return int(cells.high[place] - cells.low[place]) + 1

    assert width_at_the_spike(1.0) <= 2 < width_at_the_spike(0.0005)


def test_a_thin_tail_next_to_what_is_sure_belongs_to_the_range():
    lens = Lens(ledger=Ledger(Budget(epsilon=50.0)), noise=SeededNoise(3))
    sigma = 1 / np.sqrt(2 * 0.001 / 4)
    ticks = np.concatenate([np.full(5000, 100), np.full(int(4.6 * sigma), 200), np.full(int(4.6 * sigma), 100_000)])
    cells = number_cells(lens, "x", ticks.astype(np.int64), rho=0.001)
    assert cells.low[0] == 64 and cells.high[-1] == 255, "not as far as an outlier that stands alone"


def test_storage_that_nobody_wrote_down_is_the_headers_or_the_kinds_own():
    rng = np.random.default_rng(0)
    days = pa.array(rng.integers(0, 300, 3000), pa.int32()).cast("date32")
    table = pa.table({"n": rng.integers(0, 9, 3000), "day": days})
    columns = (Column(name="n", kind=Kind.INTEGER, low=0, high=9, public=True), Column(name="day", kind=Kind.DATE))
    for source in (table, pa.table({name: table[name].cast("string") for name in table.column_names})):
        found = learned(source, epsilon=4.0, schema=TableSchema(name="t", columns=columns))
        assert [column.storage for column in found.schema.columns] == ["int64", "date32[day]"]


def test_more_columns_than_others_take_and_columns_of_many_values():
    rng = np.random.default_rng(4)
    columns = {f"c{place}": rng.choice(["a", "b", "c"], 4000) for place in range(38)}
    columns["place"] = [f"town {int(place)}" for place in rng.exponential(150, 4000)]
    found = learned(pa.table(columns), epsilon=8.0, model=MstModel())
    drawn = found.sampler.draw(200, rng)
    assert drawn.num_columns == 39
    assert 2 < len(found.schema.column("place").categories) < 300, "the rare ones are not named"
