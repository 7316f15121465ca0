"""Are made-up values of the right form, unique where asked, and nobody's?"""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from veridical import fabricate
from veridical.core.errors import SpecError
from veridical.fabricate.number import iban_check, luhn

ROWS = 3000


def _column(kind, locale="en_US", **options):
    return fabricate.column(kind, locale=locale, rows=ROWS, rng=np.random.default_rng(5), **options)


def _luhn_holds(number: str) -> bool:
    digits = [int(d) for d in number][::-1]
    return sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits)) % 10 == 0


def _iban_holds(iban: str) -> bool:
    return int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1


@pytest.mark.parametrize("locale", fabricate.LOCALES)
@pytest.mark.parametrize("kind", fabricate.KINDS)
def test_every_kind_works_in_every_locale_and_is_unique_over_shards(kind, locale):
    plain = fabricate.column(kind, locale=locale, rows=200, rng=np.random.default_rng(0))
    again = fabricate.column(kind, locale=locale, rows=200, rng=np.random.default_rng(0))
    assert plain.equals(again) and plain.null_count == 0
    shards = [
        fabricate.column(
            kind, locale=locale, rows=500, rng=np.random.default_rng(shard), unique=True, start_row=500 * shard
        )
        for shard in range(4)
    ]
    assert pc.count_distinct(pa.concat_arrays(shards)).as_py() == 2000


@pytest.mark.parametrize("locale", ["en_US", "ko_KR", "de_DE", "ja_JP"])
def test_names_mailboxes_and_logins_stay_unique_past_a_whole_round(locale):
    for kind in ("name", "username", "company"):
        values = fabricate.column(kind, locale=locale, rows=120_000, rng=np.random.default_rng(0), unique=True)
        assert pc.count_distinct(values).as_py() == 120_000, kind


def test_cards_and_ibans_keep_their_check_digits():
    assert all(map(_luhn_holds, _column("card").to_pylist()))
    assert {card[:6] for card in _column("card").to_pylist()} <= {"411111", "424242", "555555"}
    for locale in fabricate.LOCALES:
        assert all(map(_iban_holds, _column("iban", locale).to_pylist()))


def test_check_digit_functions_notice_a_changed_digit():
    body = np.frombuffer(b"7992739871", dtype=np.uint8)[None, :].copy()
    right = luhn(body).tobytes()
    body[0, 0] += 1
    assert luhn(body).tobytes() != right
    assert iban_check("GB", np.frombuffer(b"WEST12345698765433", dtype=np.uint8)[None, :]).tobytes() != b"82"


def test_social_security_numbers_are_never_issued():
    for number in _column("national_id").to_pylist():
        area, group, serial = number.split("-")
        assert 900 <= int(area) <= 999 and 1 <= int(group) <= 49 and int(serial) > 0


def test_korean_registration_numbers_have_the_form_and_a_wrong_check_digit():
    for number in _column("national_id", "ko_KR").to_pylist():
        assert re.fullmatch(r"\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])-[1-4]\d{6}", number)
        digits = [int(d) for d in number.replace("-", "")]
        weights = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
        right = (11 - sum(w * d for w, d in zip(weights, digits, strict=False)) % 11) % 10
        assert digits[12] == (right + 1) % 10


def test_korean_values_are_korean():
    assert all(re.fullmatch(r"[가-힣]{2,4}", name) for name in _column("name", "ko_KR").to_pylist())
    assert all(re.fullmatch(r"010-[01]\d{3}-\d{4}", phone) for phone in _column("phone", "ko_KR").to_pylist())
    assert all(re.search(r"[가-힣]\d*(로|길) \d+$", place) for place in _column("address", "ko_KR").to_pylist())
    assert all(re.fullmatch(r"[a-z]+\.[a-z]+\d+@[a-z.]+", mail) for mail in _column("email", "ko_KR").to_pylist())


@pytest.mark.parametrize("locale", fabricate.LOCALES)
def test_mail_and_web_addresses_reach_nobody(locale):
    hosts = re.compile(r"(@|https://)([a-z]+\.)?example\.(com|org|net)(/|$)")
    assert all(hosts.search(mail) for mail in _column("email", locale).to_pylist())
    assert all(hosts.search(url) for url in _column("url", locale).to_pylist())
    assert all(ip.startswith("10.") for ip in _column("ip", locale).to_pylist())


def test_uuids_are_version_four():
    form = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert all(re.fullmatch(form, value) for value in _column("uuid").to_pylist())


def test_a_person_is_one_person():
    people = fabricate.person("en_US", 500, np.random.default_rng(1))
    for first, last, name, mail in zip(*(people[k].to_pylist() for k in ("first_name", "last_name", "name", "email"))):
        assert name == f"{first} {last}"
        assert mail.startswith(f"{first}.{last}".lower())
    korean = fabricate.person("ko_KR", 100, np.random.default_rng(1))
    assert [f"{b}{a}" for a, b in zip(korean["first_name"].to_pylist(), korean["last_name"].to_pylist())] == korean[
        "name"
    ].to_pylist()


def test_gender_and_first_name_agree():
    people = fabricate.person("en_US", 2000, np.random.default_rng(1))
    seen = dict(zip(people["first_name"].to_pylist(), people["gender"].to_pylist()))
    assert seen["Mary"] == "F" and seen["James"] == "M"


def test_nulls_have_their_share():
    assert 0.2 < _column("email", null_share=0.25).null_count / ROWS < 0.3
    assert _column("email").null_count == 0


def test_unknown_kind_is_told_with_those_known():
    with pytest.raises(SpecError, match=r"no made-up values of kind 'nam'.*use one of: address"):
        _column("nam")


def test_unknown_locale_falls_back_by_language():
    assert fabricate.column("name", locale="ko", rows=5, rng=np.random.default_rng(0)).equals(
        fabricate.column("name", locale="ko_KR", rows=5, rng=np.random.default_rng(0))
    )


def test_text_model_shows_nothing_that_few_carry():
    common = ["the parcel came late", "the parcel came early", "the box came late", "a box was open"] * 6
    rare = ["the secret code of John Doe", "the box came early", "a parcel was open"]
    model = fabricate.text_model(pa.array([*common, *rare, None]), 5)
    drawn = set(model.draw(5000, np.random.default_rng(0)).to_pylist())
    assert not any("secret" in text or "Doe" in text for text in drawn)
    assert not drawn & set(rare)
    assert fabricate.TextModel.from_dict(model.to_dict()) == model
    # Planted: were the source not checked, the chain would make up one of the rare texts.
    unchecked = fabricate.text_model(pa.array([*common, "something else"]), 5)
    assert "the box came early" in unchecked.texts


def test_text_model_of_nothing_still_draws():
    model = fabricate.text_model(pa.array(["온 세상에 하나뿐인 글"]), 5)
    assert model.texts == () and model.locale == "ko_KR"
    assert len(model.draw(3, np.random.default_rng(0))) == 3
