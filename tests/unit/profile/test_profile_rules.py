"""Are planted rules between columns found, and near misses left alone?"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from veridical.core.schema import Constraint, TableSchema
from veridical.profile import learn_table

N = 2000


def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def learn(**columns: object) -> TableSchema:
    return learn_table(pa.table(columns), name="t")[0]


def rules(schema: TableSchema, kind: str) -> list[Constraint]:
    return [rule for rule in schema.constraints if rule.type == kind]


def test_fixed_combinations_and_their_near_misses() -> None:
    code = rng().integers(0, 8, N)
    label = np.array([f"g{i}" for i in range(8)])[code]
    almost = label.copy()
    almost[0] = "g7" if label[0] != "g7" else "g0"
    unique = np.arange(N) * 7
    found = rules(learn(code=code, label=label, unique=unique), "fixed_combinations")
    assert [rule.columns for rule in found] == [("code", "label")]
    assert rules(learn(code=code, almost=almost), "fixed_combinations") == []


def test_formulas_and_their_near_misses() -> None:
    draw = rng()
    price, count = draw.integers(100, 9999, N) / 100, draw.integers(1, 9, N)
    fee, tip = draw.integers(0, 500, N) / 100, draw.integers(0, 900, N) / 100
    total = np.round(price * count, 2)
    bill = np.round(total + fee + tip, 2)
    found = {r.columns[0]: r.expression for r in rules(learn(price=price, count=count, total=total), "formula")}
    assert found == {"total": "price * count"}
    found = {r.columns[0]: r.expression for r in rules(learn(fare=total, fee=fee, tip=tip, bill=bill), "formula")}
    assert found == {"bill": "fare + fee + tip"}
    total[5] += 1
    assert rules(learn(price=price, count=count, total=total), "formula") == []


def test_sums_are_told_once() -> None:
    draw = rng()
    a, b = draw.integers(0, 100, N), draw.integers(0, 100, N)
    found = rules(learn(a=a, b=b, all_sum=a + b), "formula")
    assert [(r.columns, r.expression, r.tolerance) for r in found] == [(("all_sum",), "a + b", 0.0)]


def test_inequalities_and_their_near_misses() -> None:
    draw = rng()
    low = draw.normal(100, 20, N).round(1)
    middle = low + draw.exponential(20, N).round(1)
    high = middle + draw.exponential(20, N).round(1)
    found = {r.columns for r in rules(learn(low_price=low, mid_price=middle, high_price=high), "inequality")}
    assert found == {("low_price", "mid_price"), ("mid_price", "high_price")}
    far = rng().integers(10_000, 20_000, N)  # always above, and nothing follows from it
    assert rules(learn(a=rng().integers(0, 100, N), b=far), "inequality") == []
    high[3] = low[3] - 500
    assert ("low_price", "high_price") not in {
        r.columns for r in rules(learn(low_price=low, high_price=high), "inequality")
    }


def test_dates_as_text_are_compared() -> None:
    start = rng().integers(0, 3000, N).astype("datetime64[D]")
    end = start + rng().integers(0, 400, N)
    found = rules(learn(begin=start.astype(str), finish=end.astype(str)), "inequality")
    assert [rule.columns for rule in found] == [("begin", "finish")]


def test_forbidden_combinations_and_their_near_misses() -> None:
    sex = rng().choice(["F", "M"], N)
    pregnant = np.where((sex == "F") & (rng().random(N) < 0.3), "yes", "no")
    found = rules(learn(sex=sex, pregnant=pregnant), "forbidden")
    assert [rule.when for rule in found] == ['sex == "M" and pregnant == "yes"']
    pregnant[np.flatnonzero(sex == "M")[0]] = "yes"
    assert rules(learn(sex=sex, pregnant=pregnant), "forbidden") == []


def test_one_hot_mutual_missing_and_copies() -> None:
    hot = np.eye(4, dtype=int)[rng().integers(0, 4, N)]
    columns = {f"is_{c}": hot[:, i] for i, c in enumerate("abcd")}
    assert [r.columns for r in rules(learn(**columns), "one_hot")] == [("is_a", "is_b", "is_c", "is_d")]
    columns["is_d"] = columns["is_d"] * (rng().random(N) < 0.99)
    assert rules(learn(**columns), "one_hot") == []
    gone = rng().random(N) < 0.2
    a = [None if g else int(v) for g, v in zip(gone, rng().integers(0, 50, N), strict=True)]
    b = [None if g else float(v) for g, v in zip(gone, rng().normal(size=N), strict=True)]
    assert [r.columns for r in rules(learn(a=a, b=b), "mutual_missing")] == [("a", "b")]
    assert [(r.columns, r.expression) for r in rules(learn(a=a, again=a), "formula")] == [(("again",), "a")]


def test_noise_has_no_rules() -> None:
    draw = rng()
    columns = {f"n{i}": draw.normal(size=N).round(2) for i in range(6)}
    columns |= {f"c{i}": draw.choice(list("abcdef"), N) for i in range(6)}
    assert learn(**columns).constraints == ()


def test_roles() -> None:
    visits = rng().integers(0, 300, N)
    schema = learn(
        visit_id=np.arange(N),
        patient_id=visits + 1000,
        date=(rng().integers(0, 900, N)).astype("datetime64[D]"),
        sex=rng().choice(["F", "M"], N),
        churn=rng().choice(["no", "yes"], N),
    )
    assert schema.primary_key == ("visit_id",)
    assert (schema.unit, schema.order_by, schema.target, schema.protected) == ("patient_id", "date", "churn", ("sex",))


def test_key_of_two_columns() -> None:
    table = {"playlist_id": np.repeat(np.arange(50), 40), "track_id": np.tile(np.arange(40), 50)}
    assert learn(**table).primary_key == ("playlist_id", "track_id")


def test_a_product_of_rounded_factors_is_computed_as_a_product_and_not_the_other_way_round() -> None:
    draw = rng()
    years, share = draw.uniform(8, 20, N), draw.uniform(10, 90, N)
    told = {"share": np.round(share, 3), "years": np.round(years, 8), "made": np.round(years * share, 6)}
    found = {r.columns[0]: r.expression for r in rules(learn(**told), "formula")}
    assert found == {"made": "share * years"}


def test_a_rate_that_stands_after_its_parts_is_their_ratio() -> None:
    draw = rng()
    seen, hits = draw.integers(2_000, 9_000, N), draw.integers(1, 1_999, N)
    found = {
        r.columns[0]: r.expression for r in rules(learn(hits=hits, seen=seen, rate=np.round(hits / seen, 4)), "formula")
    }
    assert found == {"rate": "hits / seen"}
