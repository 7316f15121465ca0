"""Is data made from a shared profile like it, made without a row, and let out only under waivers?"""

import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from small_model import people
from veridical.cli.main import run
from veridical.engines.catalog import ENGINES

GATES = "name: mine\ngates:\n  - {check: privacy.exact_copies, why: copied, at_most: 0}\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    place = tmp_path_factory.mktemp("profiled")
    patch = pytest.MonkeyPatch()
    patch.setenv("VERIDICAL_HOME", str(place / "keys"))
    pa_csv.write_csv(people(rows=800).only, place / "people.csv")
    (place / "mine.yaml").write_text(GATES)
    assert run(["learn", str(place / "people.csv"), "-o", str(place / "shared")]) == 0
    (place / "people.csv").unlink()  # from here on there is no row
    yield place
    patch.undo()


def _synth(home, output, *more):
    shared = home / "shared" / "learn"
    told = ["--from-profile", shared / "profile.json", "--schema", shared / "schema.yaml", "-o", home / output]
    return run(["synth", *map(str, told), "--gates", str(home / "mine.yaml"), "-q", *more])


def test_a_profile_gives_rows_like_it_and_no_verdict(home, capsys):
    assert _synth(home, "out", "--rows", "3000") == 3
    assert "privacy.exact_copies: not measured" in capsys.readouterr().err
    made = pq.read_table(next((home / "out" / "synthesize").glob("*.parquet"))).to_pandas()
    real = people(rows=800).only.to_pandas()
    assert len(made) == 3000
    assert list(made.columns) == list(real.columns)
    assert abs(made.age.mean() - real.age.mean()) < 2.5
    assert abs(made.height.isna().mean() - real.height.isna().mean()) < 0.04
    assert abs((made.sex == "M").mean() - (real.sex == "M").mean()) < 0.05
    tall = made.groupby("sex").height.mean()
    assert tall["M"] > tall["F"] + 4  # height leans on sex, as the profile's correlation says
    assert np.allclose(made.height.dropna(), made.height.dropna().round(1))
    assert not (home / "out" / "release").exists()


def test_it_is_released_under_a_waiver_that_is_said_first(home, capsys):
    assert _synth(home, "waived", "--waive", "privacy.exact_copies", "--by", "R. Lee", "--because", "no rows") == 0
    card = (home / "waived" / "release" / "README.md").read_text()
    assert card.index("Released under a waiver") < card.index("(synthetic)")
    assert "only a profile of it" in card
    capsys.readouterr()
    assert run(["sample", str(home / "waived"), "--rows", "50", "-o", str(home / "more.csv"), "-q"]) == 0


def test_conditions_hold_and_what_needs_rows_is_refused(home, capsys):
    assert _synth(home, "some", "--rows", "400", "--where", "age >= 40", "--no-release") == 0
    made = pq.read_table(next((home / "some" / "synthesize").glob("*.parquet")))
    assert min(made["age"].to_pylist()) >= 40
    assert _synth(home, "other", "--epsilon", "1") == 2
    assert "--epsilon needs a SOURCE" in capsys.readouterr().err


@pytest.mark.parametrize("edit", [lambda path: path.write_text("{"), lambda path: path.unlink()])
def test_a_broken_or_absent_profile_is_refused(home, tmp_path, edit, capsys):
    path = tmp_path / "profile.json"
    path.write_bytes((home / "shared" / "learn" / "profile.json").read_bytes())
    edit(path)
    schema = home / "shared" / "learn" / "schema.yaml"
    told = ["synth", "--from-profile", str(path), "--schema", str(schema), "-o", str(tmp_path / "out")]
    assert run(told) == 2
    assert "profile" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_wrong_words_are_told(home, tmp_path, capsys):
    profile = str(home / "shared" / "learn" / "profile.json")
    assert run(["synth", "--from-profile", profile, "-o", str(tmp_path / "out")]) == 2
    assert "--schema" in capsys.readouterr().err
    assert run(["synth"]) == 2


@pytest.mark.parametrize(("engine", "words"), [("rules", "veridical rules FILE"), ("profile", "--from-profile")])
def test_engines_that_learn_nothing_say_how_they_are_used(tmp_path, capsys, engine, words):
    assert engine in {card.name for card in ENGINES}
    pa_csv.write_csv(people(rows=60).only, tmp_path / "people.csv")
    assert run(["model", str(tmp_path / "people.csv"), "-o", str(tmp_path / "out"), "--engine", engine, "-q"]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out" / "model").exists()
