"""Does the private net learn, draw under conditions, come back from disk, and pay for each step before it?"""

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import Allowed, PrivacyEvent, RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError, BudgetError, SpecError
from veridical.engines.catalog import ENGINES
from veridical.engines.tabular.generator import TableGenerator
from veridical.engines.tabular.neural.private import DpSgdEngine, NetModel
from veridical.privacy.accountants import cost_of, epsilon_by
from veridical.privacy.ledger import Budget, Ledger
from veridical.privacy.mechanisms import Lens
from veridical.stages.private import skeleton
from veridical.training.dpsgd import Adam

pytest.importorskip("opendp")
ROWS = 4000


def people(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], rows)
    job = np.where(rng.random(rows) < 0.85, np.where(sex == "f", "smith", "clerk"), "nurse")
    age = rng.integers(20, 40, rows) + 30 * (job == "nurse")
    return pa.table({"sex": sex, "job": job, "age": age})


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("VERIDICAL_HOME", str(tmp_path_factory.mktemp("home")))
    data = Dataset.of(people())
    engine = DpSgdEngine(epsilon=20.0, model=NetModel(width=8, steps=40, adam=Adam(rate=0.1)))
    yield engine.fit(data, skeleton(data), RunContext())
    patch.undo()


def drawn(generator, rows=2000, **more):
    return generator.sample(SampleRequest(rows=rows, **more), Shard(0, 1, 0, rows)).only


def share(table, one, two):
    women = np.array(table["sex"].to_pylist()) == one
    return float((np.array(table["job"].to_pylist())[women] == two).mean())


def test_dependence_between_columns_is_learned(fitted):
    table = drawn(fitted)
    assert share(table, "f", "smith") > 0.6 > 0.3 > share(table, "m", "smith")


def test_conditions_hold_and_reach_the_columns_before(fitted):
    clerks = drawn(fitted, where="job == 'clerk'")
    assert set(clerks["job"].to_pylist()) == {"clerk"}
    # "sex" is drawn before "job": without weighing, half of the clerks would be women.
    assert np.mean(np.array(clerks["sex"].to_pylist()) == "m") > 0.7
    assert min(drawn(fitted, where="age >= 50")["age"].to_pylist()) >= 50
    kept = fitted.sampler.draw(400, np.random.default_rng(0), given=pa.table({"job": ["smith"] * 400}))
    assert set(kept["job"].to_pylist()) == {"smith"} and np.mean(np.array(kept["sex"].to_pylist()) == "f") > 0.7
    both = fitted.sampler.draw(50, np.random.default_rng(0), allowed={"sex": Allowed(values=("f",))})
    assert set(both["sex"].to_pylist()) == {"f"}


def test_it_comes_back_from_disk_and_a_damaged_folder_is_told(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    assert drawn(TableGenerator.load(tmp_path / "model")).equals(drawn(fitted))
    sampler = type(fitted.sampler)
    fitted.sampler.save(tmp_path / "bare")
    (tmp_path / "bare" / "parameters.arrow").write_bytes(b"")
    with pytest.raises(ArtifactError):
        sampler.load(tmp_path / "bare")


def test_every_step_is_on_the_ledger_and_within_the_budget(fitted):
    (descent,) = [event for event in fitted.spent if event.mechanism == "dpsgd"]
    assert descent.parameters["steps"] == 40 and "40 gradients" in descent.what
    assert epsilon_by("zcdp", fitted.spent, 1e-6) <= 20.0
    assert epsilon_by("rdp", fitted.spent, 1e-6) <= 20.0 * 1.001
    assert ENGINES.card("dp-sgd").private


def test_steps_cost_what_gaussians_cost_whatever_part_of_the_rows_they_see():
    steps = {"sigma": 20.0, "steps": 50.0}
    whole = PrivacyEvent(what="s", mechanism="dpsgd", parameters={**steps, "sampling_rate": 1.0})
    part = PrivacyEvent(what="s", mechanism="dpsgd", parameters={**steps, "sampling_rate": 0.1})
    plain = PrivacyEvent(what="s", mechanism="gaussian", parameters={"sigma": 20.0, "sensitivity": 1.0}, count=50)
    assert cost_of(whole) == cost_of(part) == cost_of(plain)
    pytest.importorskip("dp_accounting")
    assert (
        epsilon_by("rdp", [part], 1e-6) < epsilon_by("rdp", [whole], 1e-6) <= epsilon_by("zcdp", [whole], 1e-6) * 1.01
    )


def test_no_step_is_taken_that_was_not_paid_for():
    looked = []

    def look():
        looked.append(1)
        return np.zeros(3)

    lens = Lens(ledger=Ledger(Budget(epsilon=1.0)))
    with pytest.raises(BudgetError):
        lens.descent("too much", rho=1.0, steps=2, clip=1.0, size=3)
    steps = lens.descent("two", rho=0.01, steps=2, clip=1.0, size=3)
    steps.take(look)
    steps.take(look)
    with pytest.raises(BudgetError):
        steps.take(look)
    assert len(looked) == 2


def test_the_noise_of_a_step_is_as_large_as_the_unit_needs():
    for most in (1, 4):
        lens = Lens(ledger=Ledger(Budget(epsilon=1.0)), rows_per_unit=most)
        steps = lens.descent("one", rho=0.02, steps=1, clip=0.5, size=4000)
        noise = steps.take(lambda: np.zeros(4000))
        assert noise.std() == pytest.approx(most * 0.5 * 5.0, rel=0.06)  # rho 0.02 is sigma 5


def test_a_net_of_nothing_is_refused():
    with pytest.raises(SpecError):
        NetModel(steps=0)
    with pytest.raises(SpecError):
        NetModel(clip=0.0)
