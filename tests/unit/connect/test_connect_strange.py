"""CSV files as spreadsheets and other tools write them: are their cells read for what they are?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import veridical
from veridical.connect.figure import Figures
from veridical.connect.note import notes_of
from veridical.core.errors import DataError
from veridical.core.schema import Kind

RNG = np.random.default_rng(0)
AMOUNTS = np.round(RNG.normal(4000, 3000, 200), 2)
GROUPS = RNG.choice(["a", "b", "c"], 200)


def table_of(folder: Path, text: str, encoding: str = "utf-8") -> pa.Table:
    path = folder / "t.csv"
    path.write_bytes(text.encode(encoding))
    return veridical.read(path).only


def european(value: float) -> str:
    return f"{value:,.2f}".translate(str.maketrans(",.", ".,"))


@pytest.mark.parametrize(
    ("spell", "said"),
    [
        (lambda v: f"{v:.2f}".replace(".", ","), "decimal commas"),
        (european, "decimal commas"),
        (lambda v: f"{v:,.2f}", "commas between thousands"),
        (lambda v: f"{v:,.2f}".replace(",", "\u00a0"), "blanks between thousands"),
        (lambda v: f"${v:,.2f}", "a unit"),
        (lambda v: f"{european(v)} €", "a unit"),
        (lambda v: f"{v:.2f}%", "percent signs"),
        (lambda v: f"({-v:.2f})" if v < 0 else f"{v:.2f}", "brackets for negative numbers"),
        (lambda v: f"{v:+.2f}", "commas between thousands"),
        (lambda v: f" {v:.2f} ", "commas between thousands"),
    ],
)
def test_numbers_with_marks_are_numbers(tmp_path: Path, spell, said: str) -> None:
    table = table_of(tmp_path, "g;x\n" + "".join(f"{g};{spell(v)}\n" for g, v in zip(GROUPS, AMOUNTS, strict=True)))
    assert table["x"].to_pylist() == AMOUNTS.tolist()
    assert any(said in note for note in notes_of(table.schema.field("x")))


@pytest.mark.parametrize(
    "texts",
    [
        ["612 345 678", "711 222 333", "655 000 111"],  # called
        ["192.168.100.101", "192.168.100.102"],
        ["+82", "+1", "+44"],
        ["$5", "€6"],  # two units
        ["007", "012"],
        ["1,2,3", "4,5,6"],
        ["10-20", "20-30"],
        ["123456789012345678,5", "2,5"],  # no float64 holds it
    ],
)
def test_what_only_looks_like_numbers_stays_text(tmp_path: Path, texts: list[str]) -> None:
    table = table_of(tmp_path, "g;x\n" + "".join(f"a;{text}\n" for text in texts))
    assert table["x"].to_pylist() == texts


def test_a_comma_before_three_digits_is_told_by_the_file() -> None:
    cells = pa.array(["1,234", "2,500"])
    for first, plain in ((False, ["1234", "2500"]), (True, ["1.234", "2.500"])):
        seen = Figures(decimals_seen=False, comma_first=first)
        seen.see(cells)
        assert seen.plain(cells).to_pylist() == plain


def test_an_exponent_without_a_number_is_no_number(tmp_path: Path) -> None:
    assert table_of(tmp_path, "a,b\n-E1,1\nE2,2\n")["a"].to_pylist() == ["-E1", "E2"]


@pytest.mark.parametrize("missing", ["0000-00-00", "unknown", "-", "N/A"])
def test_words_beside_dates_are_missing_dates(tmp_path: Path, missing: str) -> None:
    days = [str(np.datetime64("2020-01-01") + i) for i in range(120)]
    path = tmp_path / "t.csv"
    path.write_text("d,x\n" + "".join(f"{missing if i % 9 == 0 else day},{i}\n" for i, day in enumerate(days)))
    column = veridical.learn(path).schema.only.column("d")
    assert (column.kind, column.nullable) == (Kind.DATE, True)


BODY = "".join(f"{g},{v}\n" for g, v in zip(GROUPS, AMOUNTS, strict=True))


@pytest.mark.parametrize(
    "before", ["sep=,\n", "\n\n", "# made by a tool\n# in 2020\n", "\ufeffsep=,\r\n", "# table: a, b and c\n\n"]
)
def test_lines_before_the_table_are_passed_over(tmp_path: Path, before: str) -> None:
    table = table_of(tmp_path, f"{before}name,x\n{BODY}")
    assert table.column_names == ["name", "x"]
    assert table["x"].to_pylist() == AMOUNTS.tolist()


def test_a_header_that_begins_like_a_comment_is_a_header(tmp_path: Path) -> None:
    assert table_of(tmp_path, f"#name,x\n{BODY}").column_names == ["#name", "x"]


def test_ragged_rows_after_a_preamble_are_told_by_their_own_lines(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 5 has 3 cells"):
        table_of(tmp_path, "sep=,\nname,x\na,1\nb,2\nc,3,4\nd,5\n")


def test_rows_one_longer_than_the_header(tmp_path: Path) -> None:
    trailing = table_of(tmp_path, "name,x\n" + BODY.replace("\n", ",\n"))
    assert trailing.column_names == ["name", "x", "column_3"]
    named = table_of(tmp_path, "name,x\n" + "".join(f"r{i},{row}\n" for i, row in enumerate(BODY.splitlines())))
    assert named.column_names == ["column_1", "name", "x"]
    assert named["x"].to_pylist() == AMOUNTS.tolist()


def test_a_cell_that_ends_in_a_backslash_escapes_nothing(tmp_path: Path) -> None:
    rows = "".join(f'{g},"C:\\\\{g}, main\\",{i}\n' for i, g in enumerate(GROUPS))
    assert table_of(tmp_path, "name,path,x\n" + rows)["x"].to_pylist() == list(range(200))
    escaped = "".join(f'{g},"say \\"{g}\\", twice",{i}\n' for i, g in enumerate(GROUPS))
    assert table_of(tmp_path, "name,path,x\n" + escaped)["path"][0].as_py() == f'say "{GROUPS[0]}", twice'


@pytest.mark.parametrize(
    ("encoding", "name", "words"),
    [
        ("shift_jis", "名前", ["東京", "大阪", "京都"]),
        ("gbk", "姓名", ["北京", "上海", "广州"]),
        ("cp949", "이름", ["서울", "부산", "대구"]),
        ("cp1251", "город", ["Москва", "Омск", "Тула"]),
        ("latin-1", "navn", ["Århus", "Ærø", "Køge"]),
    ],
)
def test_the_encoding_is_told(tmp_path: Path, encoding: str, name: str, words: list[str]) -> None:
    table = table_of(tmp_path, f"{name},x\n" + "".join(f"{words[i % 3]},{i}\n" for i in range(200)), encoding)
    assert table.column_names[0] == name
    assert set(table[name].to_pylist()) == set(words)


@pytest.mark.parametrize("zone", ["+09:00", "-0530"])
def test_times_keep_the_zone_that_all_of_them_have(zone: str) -> None:
    hours = RNG.integers(8, 18, 200)
    times = [f"{np.datetime64('2020-01-01') + i}T{h:02d}:30:00{zone}" for i, h in enumerate(hours)]
    made = veridical.synthesize(veridical.fit(pa.table({"at": times, "x": AMOUNTS})), 300)["at"].to_pylist()
    assert all(text.endswith(zone) for text in made)
    assert {int(text[11:13]) for text in made} <= set(range(7, 20))


def test_a_spreadsheet_is_told_how(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"spreadsheet.*save the sheet as CSV"):
        veridical.read(tmp_path / "t.xlsx")


def test_what_is_only_cleaned_keeps_its_cells_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("when;x\n0000-00-00;1.234,50\n2020-01-02;12,00\n")
    table = veridical.read(path, cells="kept").only
    assert table.to_pydict() == {"when": ["0000-00-00", "2020-01-02"], "x": ["1.234,50", "12,00"]}
