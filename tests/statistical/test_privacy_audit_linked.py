"""Would the audit catch us lying about linked tables? The sound engine stands; each planted bug is disproved.

None of these tests fails by chance as often as once in a million runs: see `repeated`.
"""

from dataclasses import dataclass

import pytest

from repeated import is_caught, stands, worst
from veridical.engines.tabular.dp.kinship import used_rows
from veridical.engines.tabular.dp.linked import LinkedTerms
from veridical.engines.tabular.dp.linked_engine import LinkedPrivateEngine
from veridical.engines.tabular.dp.mst import MstModel, SinglesModel
from veridical.privacy.ledger import Budget
from veridical.privacy.mechanisms import Lens
from veridical.privacy.noise import SecureNoise
from veridical.stages.audit import audit_engine
from veridical.stages.audit_linked import MARKS, LinkedTrial, one_run_linked

pytest.importorskip("opendp")
CLAIM, CANARIES, MOST = 4.0, 600, 8


def told(kind=LinkedTerms):
    return kind(budget=Budget(epsilon=CLAIM), most={MARKS: MOST}, declared=True)


@pytest.mark.parametrize("model", [SinglesModel(), MstModel()], ids=["singles", "mst"])
def test_a_sound_engine_stays_under_its_claim(model):
    assert stands(
        lambda: one_run_linked(LinkedTrial(model=model, terms=told(), rows_each=MOST), canaries=CANARIES, seed=1)
    )


def test_the_engine_as_users_call_it_stays_under_its_claim():
    engine = LinkedPrivateEngine(epsilon=CLAIM, unit="patients", rows_per_unit=3, declared_kinds=True)
    assert stands(lambda: worst(audit_engine(engine, canaries=300, seed=1)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsRows(LinkedTerms):
    """Counts rows of the table below, and adds noise for one row of a unit."""

    def lens(self, ledger, noise, most):
        return Lens(ledger=ledger, noise=noise, rows_per_unit=1)


def test_counting_rows_instead_of_units_in_the_table_below_is_caught():
    trial = LinkedTrial(model=SinglesModel(), terms=told(CountsRows), rows_each=MOST)
    assert is_caught(lambda: one_run_linked(trial, canaries=CANARIES, seed=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class TakesAll(LinkedTerms):
    """Takes every row of a unit in the table below, and adds noise for as many as were agreed."""

    def used(self, tables, family, choose):
        return used_rows(tables, family, lambda table, numbers: max(1, choose(table, numbers)) * 1000)

    def lens(self, ledger, noise, most):
        return Lens(ledger=ledger, noise=noise, rows_per_unit=max(1, most // 1000))


def test_rows_beyond_the_agreed_number_are_caught():
    terms = TakesAll(budget=Budget(epsilon=CLAIM), most={MARKS: 1}, declared=True)
    assert is_caught(
        lambda: one_run_linked(
            LinkedTrial(model=SinglesModel(), terms=terms, rows_each=MOST), canaries=CANARIES, seed=1
        )
    )


class EighthOfNoise(SecureNoise):
    def gaussian(self, counts, sigma):
        return super().gaussian(counts, sigma / 8)


def test_too_little_noise_is_caught():
    trial = LinkedTrial(model=SinglesModel(), terms=told(), rows_each=MOST, noise=EighthOfNoise())
    assert is_caught(lambda: one_run_linked(trial, canaries=CANARIES, seed=1))
