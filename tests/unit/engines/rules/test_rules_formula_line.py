"""Does a formula whose types do not fit say on which line it stands?"""

import pytest

from veridical.cli.main import run
from veridical.core.errors import SpecError
from veridical.engines.rules.generator import RulesGenerator

TEXT = """tables:
  shop:
    fields:
      id: sequence
      name: person.name
      n:
        type: formula
        expression: "name * 2"
"""


def test_the_line_and_the_formula_are_named(tmp_path, capsys):
    with pytest.raises(SpecError, match=r":8 \(shop\.n\).*name \* 2"):
        RulesGenerator.of_text(TEXT)
    (tmp_path / "shop.yaml").write_text(TEXT)
    assert run(["rules", str(tmp_path / "shop.yaml"), "-o", str(tmp_path / "out")]) == 2
    assert "shop.yaml:8" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_progress_is_shown_and_can_be_left_out(tmp_path, capsys):
    (tmp_path / "shop.yaml").write_text(TEXT.replace("name * 2", "id * 2"))
    told = ["rules", str(tmp_path / "shop.yaml"), "--rows", "200", "-o", str(tmp_path / "out")]
    assert run(told) == 0
    assert "rows" in capsys.readouterr().err
    assert run([*told, "-q"]) == 0
    assert capsys.readouterr().err == ""
