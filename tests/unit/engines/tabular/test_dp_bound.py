"""Is the number of rows of a unit that are used declared by name, or paid for?"""

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import DataError, SpecError
from veridical.engines.tabular.dp.bound import SHARE, with_bound
from veridical.engines.tabular.dp.engines import SinglesEngine
from veridical.engines.tabular.dp.mst import SinglesModel
from veridical.engines.tabular.dp.private import Terms, learn_private
from veridical.privacy import words
from veridical.privacy.ledger import Budget, plain_event
from veridical.privacy.noise import SecureNoise
from veridical.spec.run import read_rows_per_unit
from veridical.stages.private import skeleton

pytest.importorskip("opendp")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("VERIDICAL_HOME", str(tmp_path / "home"))


def visits(units=4000, each=4, big=0):
    who = np.repeat(np.arange(units), each)
    names = [f"p{i}" for i in who] + ["big"] * big
    return pa.table({"who": names, "x": ["a", "b"] * (len(names) // 2) + ["a"] * (len(names) % 2)})


def bounded(table, epsilon=4.0):
    terms = Terms(budget=Budget(epsilon=epsilon), unit="who", rows_per_unit=None)
    return with_bound(terms, terms.lens(SecureNoise()), table, columns=2)


def test_the_chosen_bound_is_charged_and_later_looks_count_with_it():
    terms, lens = bounded(visits())
    assert terms.rows_per_unit == lens.rows_per_unit == 4
    looks = [event for event in lens.ledger.events if event.mechanism == "discrete_gaussian"]
    assert len(looks) == 1 and looks[0].parameters["sensitivity"] == 1.0
    assert lens.ledger.spent.rho == pytest.approx(SHARE * terms.budget.rho)


def test_one_unit_with_half_of_all_rows_moves_no_bound():
    assert bounded(visits(each=1, big=4000))[0].rows_per_unit == 1


def test_little_budget_keeps_the_bound_small():
    assert bounded(visits(units=60, each=16), epsilon=0.1)[0].rows_per_unit <= 2


def test_a_bound_that_was_declared_is_never_looked_for():
    terms = Terms(budget=Budget(epsilon=1.0), unit="who", rows_per_unit=3)
    same, lens = with_bound(terms, terms.lens(SecureNoise()), visits(), columns=2)
    assert same is terms and lens.ledger.events == ()


def test_gaps_in_the_unit_are_refused_before_any_look():
    terms = Terms(budget=Budget(epsilon=1.0), unit="who", rows_per_unit=None)
    lens = terms.lens(SecureNoise())
    with pytest.raises(DataError, match="gaps"):
        with_bound(terms, lens, pa.table({"who": ["a", None]}), columns=2)
    assert lens.ledger.events == ()


def test_the_ledger_and_the_card_name_the_bound_either_way():
    table = visits()
    schema = skeleton(Dataset.of(table)).only
    for most in (None, 2):
        terms = Terms(budget=Budget(epsilon=4.0), unit="who", rows_per_unit=most)
        found = learn_private(table, schema, SinglesModel(), terms, terms.lens(SecureNoise()), RunContext())
        events = [plain_event(event) for event in found.events]
        told = {"epsilon": 4.0, "delta": 1e-6, "unit": "who", "rows_per_unit": "auto" if most is None else most}
        said = " ".join(words.explained(events, told))
        assert f"{4 if most is None else 2} rows" in said
        where = "noted" if most is None else "public"
        assert any("of each" in e["what"] and "used at most" in e["what"] for e in events if e["mechanism"] == where)


def test_an_engine_takes_auto_and_nothing_else_in_words():
    assert SinglesEngine(rows_per_unit="auto", unit="who").terms().rows_per_unit is None
    for wrong in ("many", 0, -1, 1.5):
        with pytest.raises(SpecError, match="rows of each unit"):
            SinglesEngine(rows_per_unit=wrong, unit="who")


@pytest.mark.parametrize("text", ["0", "-3", "many", "visits=0", "visits=", "1.5", "²"])
def test_a_bound_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="no number of rows"):
        read_rows_per_unit(text)
