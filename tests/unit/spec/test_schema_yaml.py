"""Does a schema survive its YAML, and is everything wrong in an edited one told at once?"""

from importlib.resources import files
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from veridical.core.errors import SchemaError
from veridical.core.schema import Column, Kind, Schema, TableSchema
from veridical.profile import learn_table
from veridical.spec import schema_yaml

WRONG = """\
tables:
  - name: people
    target: incme
    columns:
      - name: age
        kind: intger
        low: 90
        high: 10
      - name: age
        kind: integer
        nullable: maybe
        colour: red
      - kind: category
    constraints:
      - type: formula
        columns: [age]
"""


def test_adult_survives() -> None:
    table = pq.read_table(str(files("veridical.data") / "adult.parquet"))
    schema = Schema(tables=(learn_table(table, name="adult")[0],), rare_below=7, notes=("a: b", "# c"))
    assert schema_yaml.parse(schema_yaml.dump(schema)) == schema


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "1.0",
        "007",
        "null",
        "",
        " x ",
        "a: b",
        "# c",
        "🙂",
        "\x7f",
        "\ufeff",
        "a\nb",
        "- x",
        "'",
        '"',
        "~",
        "1e6",
        "[a",
    ],
)
def test_hostile_texts_survive(text: str) -> None:
    column = Column(name=text or "x", kind=Kind.CATEGORY, categories=(text, "other"), reason=text)
    schema = Schema(tables=(TableSchema(name=text or "t", columns=(column,)),))
    assert schema_yaml.parse(schema_yaml.dump(schema)) == schema


def test_all_mistakes_are_told_with_their_lines() -> None:
    with pytest.raises(SchemaError) as caught:
        schema_yaml.parse(WRONG)
    told = str(caught.value)
    for line in (
        "line 6: unknown kind 'intger' (did you mean 'integer'?)",
        "line 7: low is above high",
        "line 11: `nullable`",
        "line 12: unknown field 'colour'",
        "line 13: `name`",
        "line 15: a formula rule needs `expression`",
    ):
        assert line in told, line
    assert caught.value.exit_code == 2


def test_unknown_columns_are_told() -> None:
    with pytest.raises(SchemaError, match=r":3: no column 'incme' \(to mend: did you mean 'income'"):
        schema_yaml.parse(
            "tables:\n  - name: t\n    target: incme\n    columns:\n      - {name: income, kind: category}\n"
        )


@pytest.mark.parametrize("text", ["", "a: [", "- x", "tables: 5", "tables: []", "tables:\n  - 5", "\x00"])
def test_what_is_no_schema(text: str) -> None:
    with pytest.raises(SchemaError):
        schema_yaml.parse(text)


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no such file"):
        schema_yaml.read(tmp_path / "schema.yaml")
