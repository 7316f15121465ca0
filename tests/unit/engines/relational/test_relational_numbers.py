"""Do numbers of children stay spread as learned, blurred, summed over groups, and paired with siblings' parents?"""

import numpy as np
import pyarrow as pa
import pytest

from veridical.core.contracts import RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.schema import Column, ForeignKey, Kind, Schema, TableSchema
from veridical.engines.relational.balance import Sum, balanced
from veridical.engines.relational.engine import LinkedEngine
from veridical.engines.relational.pairing import Siblings, paired, pairs_per_row
from veridical.engines.relational.quota import learned


def distance(one: np.ndarray, two: np.ndarray) -> float:
    levels = np.unique(np.concatenate([one, two]))
    shares = [np.searchsorted(np.sort(each), levels, side="right") / len(each) for each in (one, two)]
    return float(np.abs(shares[0] - shares[1]).max())


@pytest.mark.parametrize("parents", [35, 45, 100, 2_000])
@pytest.mark.parametrize("seed", range(5))
def test_blurred_numbers_change_sides_with_one_parent_at_most(parents: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = np.sort(rng.lognormal(8, 0.3, parents).astype(np.int64))
    found = learned(counts, 5, rng)
    assert found.sum() == counts.sum()
    assert distance(found, counts) <= 1 / parents + 1e-9
    assert (found[-5:] != counts[-5:]).all()  # the largest point at nobody


def test_sums_of_two_kinds_come_near_together() -> None:
    rng = np.random.default_rng(3)
    size = 600
    patient = np.sort(rng.zipf(1.6, size) % 25)
    doctor = (patient * 7 + rng.integers(0, 4, size)) % 60  # a patient has few doctors
    real = rng.choice([1, 1, 2, 3, 3, 5], size) + (patient % 3 == 0)
    sums = [
        Sum(who, many, np.sort(np.bincount(who, weights=real, minlength=many).astype(np.int64)))
        for who, many in ((patient, 25), (doctor, 60))
    ]
    start = rng.permutation(real)
    assert max(one.distance(start) for one in sums) > 0.1
    found, came_from = balanced(start, sums, rng)
    assert max(one.distance(found) for one in sums) <= 0.035
    assert found.sum() == start.sum()
    assert distance(found, start) <= 0.03
    assert sorted(set(came_from.tolist())) == sorted(came_from.tolist()) or distance(found, start) > 0


def test_more_than_sixteen_sums_are_not_refused() -> None:
    groups = np.arange(40) % 4
    sums = [Sum(groups, 4, np.array([10, 10, 10, 10])) for _ in range(20)]
    found, _ = balanced(np.ones(40, dtype=np.int64), sums, np.random.default_rng(0))
    assert found.sum() == 40


def test_rows_of_one_owner_meet_the_same_parents() -> None:
    rng = np.random.default_rng(0)
    owners, alike = np.repeat(np.arange(50), 10), np.zeros(500, dtype=np.int64)
    quotas = np.full(25, 20)
    for pairs in (0.15, 0.4, 0.8):
        found = paired(alike, np.zeros(25, dtype=np.int64), quotas, 0, rng, Siblings(owners, pairs))
        assert np.bincount(found, minlength=25).tolist() == quotas.tolist()
        assert pairs_per_row(owners, found) == pytest.approx(pairs, abs=0.06)
    strangers = paired(alike, np.zeros(25, dtype=np.int64), quotas, 0, rng, Siblings(owners, 1.0))
    assert pairs_per_row(owners, strangers) > 0.75


def clinic() -> tuple[Dataset, Schema]:
    """300 patients, who each see one of 60 doctors most of the time."""
    rng = np.random.default_rng(1)
    visits = np.repeat(np.arange(300), rng.poisson(8, 300) + 1)
    own = rng.integers(0, 60, 300)
    doctor = np.where(rng.random(len(visits)) < 0.9, own[visits], rng.integers(0, 60, len(visits)))
    data = Dataset({
        "patient": pa.table({"id": np.arange(300), "age": rng.integers(1, 99, 300)}),
        "doctor": pa.table({"id": np.arange(60), "years": rng.integers(1, 40, 60)}),
        "visit": pa.table({"id": np.arange(len(visits)), "patient": visits, "doctor": doctor,
                           "cost": rng.gamma(2, 50, len(visits)).round(2)}),
    })  # fmt: skip

    def number(name: str, kind: Kind = Kind.IDENTIFIER) -> Column:
        return Column(name=name, kind=kind, storage="double" if kind is Kind.DECIMAL else "int64")

    tables = (
        TableSchema(name="patient", columns=(number("id"), number("age", Kind.INTEGER)), primary_key=("id",)),
        TableSchema(name="doctor", columns=(number("id"), number("years", Kind.INTEGER)), primary_key=("id",)),
        TableSchema(
            name="visit", primary_key=("id",),
            columns=(number("id"), number("patient"), number("doctor"), number("cost", Kind.DECIMAL)),
        ),
    )  # fmt: skip
    links = tuple(
        ForeignKey(table="visit", columns=(name,), parent=name, parent_columns=("id",))
        for name in ("patient", "doctor")
    )
    return data, Schema(tables=tables, foreign_keys=links)


def test_patients_keep_their_doctors(tmp_path) -> None:
    data, schema = clinic()
    fitted = LinkedEngine().fit(data, schema, RunContext(seed=1))
    fitted.save(tmp_path / "model")
    made = type(fitted).load(tmp_path / "model").sample(SampleRequest(rows=1, seed=2), Shard(0, 1, 0, 1))
    shares = []
    for side in (data, made):
        visit = side.tables["visit"]
        codes = [visit[name].combine_chunks().dictionary_encode().indices.to_numpy() for name in ("patient", "doctor")]
        shares.append(pairs_per_row(codes[0].astype(np.int64), codes[1].astype(np.int64)))
    assert shares[1] == pytest.approx(shares[0], abs=0.05)
