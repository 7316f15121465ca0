"""Is every CSV either read without losing a cell, or refused with the lines that are wrong?"""

import gzip
from pathlib import Path

import pyarrow as pa
import pytest

from veridical import connect
from veridical.connect.note import notes_of
from veridical.core.errors import DataError


def _read(folder: Path, content: bytes, name: str = "t.csv", **options: str) -> pa.Table:
    path = folder / name
    path.write_bytes(content)
    return connect.read(path, **options).only


def test_types_lose_nothing(tmp_path: Path) -> None:
    table = _read(tmp_path, b"zip,n,x,big,mark\n00123,1,1.50,123456789012345678901234567890,?\n90210,-2,2,5,7\n")
    assert table.to_pydict() == {
        "zip": ["00123", "90210"],
        "n": [1, -2],
        "x": [1.5, 2.0],
        "big": ["123456789012345678901234567890", "5"],
        "mark": [None, 7],
    }
    assert "'?' read as missing" in notes_of(table.schema.field("mark"))[0]


@pytest.mark.parametrize("text", ["9007199254740993", "9007199254740993.0", "1e400", "1" * 60])
def test_numbers_beyond_a_float_stay_text(tmp_path: Path, text: str) -> None:
    assert _read(tmp_path, f"a\n{text}\n0.5\n".encode())["a"].to_pylist() == [text, "0.5"]


def test_na_beside_country_codes_is_namibia(tmp_path: Path) -> None:
    assert _read(tmp_path, b"c,d\nNA,NA\nUS,x\n").to_pydict() == {"c": ["NA", "US"], "d": [None, "x"]}


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp949", "euc-kr"])
def test_korean_in_every_encoding(tmp_path: Path, codec: str) -> None:
    text = "이름,나이\n김철수,31\n이영희,\n박지성,45\n"
    assert _read(tmp_path, text.encode(codec)).to_pydict() == {
        "이름": ["김철수", "이영희", "박지성"],
        "나이": [31, None, 45],
    }


def test_emoji_and_western_letters(tmp_path: Path) -> None:
    assert _read(tmp_path, "a\n🙂👍\n".encode()).to_pydict() == {"a": ["🙂👍"]}
    assert _read(tmp_path, "a,b\n1,été\n2,naïve\n".encode("cp1252")).to_pydict()["b"] == ["été", "naïve"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    rows = [["name", "note"], ["a", '"x, y; z | w"'], ["b", '"said ""hi"""']]
    table = _read(tmp_path, "\n".join(delimiter.join(row) for row in rows).encode())
    assert table.to_pydict() == {"name": ["a", "b"], "note": ["x, y; z | w", 'said "hi"']}


def test_line_breaks_in_quotes_and_compression(tmp_path: Path) -> None:
    content = b'a,b\r\n1,"x\r\ny"\r\n2,z\r\n'
    assert _read(tmp_path, gzip.compress(content), "t.csv.gz")["b"].to_pylist() == ["x\r\ny", "z"]


def test_ragged_rows_are_named_by_line(tmp_path: Path) -> None:
    content = b'a,b\n1,"two\nlines"\n3\n4,5\n6,7,8\n'
    with pytest.raises(DataError, match=r"2 rows .* line 4 has 1 cell; line 6 has 3 cells") as caught:
        _read(tmp_path, content)
    assert caught.value.exit_code == 2
    assert _read(tmp_path, content, on_bad_rows="skip").num_rows == 2


def test_many_ragged_rows_are_capped(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="and 30 more"):
        _read(tmp_path, b"a,b\n" + b"1,2\n" * 60 + b"1,2,3\n" * 50)


def test_open_quote_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2 opens a quote"):
        _read(tmp_path, b'a,b\n1,"x\n2,y\n3,z\n')
    assert _read(tmp_path, b'a,b\n1,5" pipe\n2,y\n')["b"].to_pylist() == ['5" pipe', "y"]


def test_headers(tmp_path: Path) -> None:
    table = _read(tmp_path, b"a,a,,a_2\n1,2,3,4\n")
    assert table.column_names == ["a", "a_3", "column_3", "a_2"]
    assert notes_of(table.schema.field("a_3"))
    assert _read(tmp_path, b"1,2\n3,4\n").to_pydict() == {"column_1": [1, 3], "column_2": [2, 4]}
    with pytest.raises(DataError, match="__veridical"):
        _read(tmp_path, b"__veridical_x,b\n1,2\n")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"a,b\n", b"a\x00b,c\n1,2\n"])
def test_nothing_to_read(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError) as caught:
        _read(tmp_path, content)
    assert caught.value.exit_code == 2 and caught.value.fix


def test_one_column_and_one_row(tmp_path: Path) -> None:
    assert _read(tmp_path, b"text\nhello, you\nfoo\n").to_pydict() == {"text": ["hello, you", "foo"]}
    assert _read(tmp_path, b"a\n1\n\n3\n").to_pydict() == {"a": [1, None, 3]}
    assert _read(tmp_path, b"a,b\n1,x").num_rows == 1


def test_infinite_values_are_missing_with_a_note(tmp_path: Path) -> None:
    table = _read(tmp_path, b"x\n1.5\ninf\nNaN\n")
    assert table["x"].to_pylist() == [1.5, None, None]
    assert any("infinite" in note for note in notes_of(table.schema.field("x")))


def test_scan_gives_what_read_gives(tmp_path: Path) -> None:
    rows = [f"{i},{'x' if i % 7 else ''},{i / 4}" for i in range(5000)]
    path = tmp_path / "t.csv"
    path.write_text("a,b,c\n" + "\n".join(rows))
    assert pa.Table.from_batches(connect.scan(path)).equals(connect.read(path).only)


def test_errors_do_not_show_cells(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        _read(tmp_path, b"a,b\nsecret-value,1,2\n1,2\n3,4\n")
    assert "secret" not in str(caught.value)


def test_whole_numbers_keep_every_digit_and_exponents_make_measures(tmp_path):
    path = tmp_path / "huge.csv"
    path.write_text("x,n\n" + "".join(f"{i}.5e300,{10**30 + i}\n" for i in range(1, 30)))
    table = connect.read(path).only
    assert str(table["x"].type) == "double"
    assert table["x"][0].as_py() == 1.5e300
    assert table["n"][0].as_py() == str(10**30 + 1)
