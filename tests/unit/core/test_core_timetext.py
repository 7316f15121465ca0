"""Are moments read from text, and written as it was, in the forms that people's files hold?"""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from veridical.core.timetext import as_moments, in_form, read

FORMS = [
    ("%Y Q%q", "1990 Q2", dt.datetime(1990, 4, 1)),
    ("Q%q/%Y", "Q4/2010", dt.datetime(2010, 10, 1)),
    ("%G W%V", "2020 W53", dt.datetime(2020, 12, 28)),
    ("%G-W%V", "2021-W01", dt.datetime(2021, 1, 4)),
    ("%-m/%-d/%Y", "7/4/2016", dt.datetime(2016, 7, 4)),
    ("%-d.%-m.%Y %-H:%M", "4.7.2016 9:05", dt.datetime(2016, 7, 4, 9, 5)),
    ("%-m/%-d/%Y %-I:%M %p", "7/4/2016 12:05 AM", dt.datetime(2016, 7, 4, 0, 5)),
    ("%d%^b%Y", "01JAN1990", dt.datetime(1990, 1, 1)),
    ("%b-%y", "Jan-90", dt.datetime(1990, 1, 1)),
    ("%Y %b", "2002 May", dt.datetime(2002, 5, 1)),
    ("%YM%m", "2002M07", dt.datetime(2002, 7, 1)),
    ("%-I:%M%P, %Y-%m-%d", "1:30pm, 2002-07-01", dt.datetime(2002, 7, 1, 13, 30)),
]


@pytest.mark.parametrize(("form", "text", "moment"), FORMS)
def test_a_text_is_read_and_written_again(form: str, text: str, moment: dt.datetime) -> None:
    moments = as_moments(pa.array([text, None]), form)
    assert moments.to_pylist() == [moment, None]
    assert in_form(moments, form).to_pylist() == [text, None]
    found = read(pa.array([text]), form)
    assert found.fits.tolist() == [True]
    assert found.micros[0] == moments.cast(pa.int64())[0].as_py()


@pytest.mark.parametrize(
    ("form", "text"),
    [("%Y Q%q", "1990 Q5"), ("%G W%V", "2021 W53"), ("%G W%V", "2021 W00"), ("%Y-%m-%d", "2021-02-29"), ("%H:%M", "24:00")],
)  # fmt: skip
def test_what_is_not_in_the_form_does_not_fit(form: str, text: str) -> None:
    assert read(pa.array([text]), form).fits.tolist() == [False]
