"""Is a model whole, honest about how it was made, and kept when it is asked for again?"""

import pyarrow as pa
import pytest

from small_model import SCHEMA, people, small_model
from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError, DataError, SpecError
from veridical.stages.holdout import split
from veridical.stages.model import Recipe, model, open_model, read_json


def _model(folder, recipe=None, ctx=None):
    return model(
        people(), SCHEMA, recipe or Recipe(engine="independent"), ctx or RunContext(), folder, source={"name": "p"}
    )


def test_the_record_holds_all_that_made_it(tmp_path):
    _model(tmp_path / "model", ctx=RunContext(seed=3))
    record = open_model(tmp_path / "model").record
    assert (record["engine"], record["seed"], record["train_rows"]) == ("independent", 3, 600)
    assert record["train_fingerprint"] == people().fingerprint
    assert record["schema_fingerprint"] == SCHEMA.fingerprint
    assert record["source"] == {"name": "p"}
    assert "parameters" in record


def test_the_run_around_a_model_opens_it(tmp_path):
    _model(tmp_path / "model")
    assert open_model(tmp_path).sealed.fingerprint == open_model(tmp_path / "model").sealed.fingerprint


def test_the_same_model_is_not_fitted_again_and_another_is(tmp_path):
    made = _model(tmp_path / "model")
    index = (tmp_path / "model" / "index.json").stat().st_mtime_ns
    assert _model(tmp_path / "model").fingerprint == made.fingerprint
    assert (tmp_path / "model" / "index.json").stat().st_mtime_ns == index
    assert _model(tmp_path / "model", ctx=RunContext(seed=1)).fingerprint != made.fingerprint
    (tmp_path / "model" / "model.json").write_text("{}")
    assert _model(tmp_path / "model").fingerprint == made.fingerprint


@pytest.mark.parametrize("name", ["model.json", "schema.json", "generator/generator.json"])
def test_a_truncated_model_is_refused_by_the_name_of_the_file(tmp_path, name):
    _model(tmp_path / "model")
    path = tmp_path / "model" / name
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ArtifactError, match=f"{name}: is truncated"):
        open_model(tmp_path / "model")


def test_a_model_names_an_engine_of_the_catalogue_or_is_refused(tmp_path):
    from veridical.store.artifact import seal
    from veridical.store.runfolder import write_json

    _model(tmp_path / "model")
    record = read_json(tmp_path / "model" / "model.json")
    write_json(tmp_path / "model" / "model.json", {**record, "engine": "os:system"})
    seal(tmp_path / "model", "model", 1)
    with pytest.raises(SpecError, match="nothing is called 'os:system'"):
        open_model(tmp_path / "model")


def test_options_reach_the_engine_and_wrong_ones_are_named():
    from veridical.engines.tabular.engines import TreeEngine

    assert Recipe(engine="tree", options={"trial_rows": 500}).build().model.trial_rows == 500
    assert Recipe(engine="tree").build() == TreeEngine()
    with pytest.raises(SpecError, match=r"no option leef.*trial_rows"):
        Recipe(engine="tree", options={"leef": 3}).build()
    with pytest.raises(SpecError, match="nothing is called 'forest'"):
        Recipe(engine="forest").build()


def test_no_row_of_the_source_is_in_the_models_record():
    text = (small_model() / "model.json").read_text()
    assert "165" not in text


def test_a_holdout_is_disjoint_seeded_and_in_order():
    data = Dataset.of(pa.table({"i": range(1000)}))
    one, two = split(data, 0.2, RunContext(seed=1)), split(data, 0.2, RunContext(seed=1))
    train, aside = one.train.only["i"].to_pylist(), one.holdout.only["i"].to_pylist()
    assert sorted(train + aside) == list(range(1000)) and len(aside) == 200
    assert train == sorted(train) and aside == sorted(aside)
    assert two.holdout.only["i"].to_pylist() == aside
    assert split(data, 0.2, RunContext(seed=2)).holdout.only["i"].to_pylist() != aside
    assert split(data, 0, RunContext()).holdout is None


@pytest.mark.parametrize(("rows", "kept"), [(299, 60), (300, 100), (442, 100), (1_000, 200)])
def test_enough_rows_are_kept_back_to_measure_all(rows, kept):
    assert split(Dataset.of(pa.table({"i": range(rows)})), 0.2, RunContext()).holdout.rows == kept


def test_the_rows_of_one_person_stay_together():
    who = [index // 7 for index in range(700)] + [None] * 10
    data = Dataset.of(pa.table({"who": who, "i": range(710)}))
    parts = split(data, 0.2, RunContext(), unit="who")
    assert not set(parts.train.only["who"].to_pylist()) & set(parts.holdout.only["who"].to_pylist())
    assert parts.train.rows + parts.holdout.rows == 710
    with pytest.raises(DataError, match="all rows belong to one"):
        split(Dataset.of(pa.table({"who": [1] * 50})), 0.2, RunContext(), unit="who")


@pytest.mark.parametrize("rows", [1, 9])
def test_too_few_rows_are_refused(rows):
    with pytest.raises(DataError, match="too few to learn from"):
        split(Dataset.of(pa.table({"a": range(rows)})), 0.2, RunContext())


@pytest.mark.parametrize("share", [-0.1, 0.95, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(SpecError, match="holdout"):
        split(people(), share, RunContext())
