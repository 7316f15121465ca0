"""Records within records lose their people too, the same person the same way; what was not replaced is found."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from veridical.cli.main import run
from veridical.deidentify.entity import Entity
from veridical.deidentify.finder import All, Rules
from veridical.deidentify.pseudonym import Pseudonyms
from veridical.deidentify.table import deidentify_table
from veridical.deidentify.text import deidentify, leaks

TALKS = [
    {
        "talk": 3592 + row,
        "customer": {
            "customer_name": name,
            "username": user,
            "order": {"order_id": order, "city": "Leeds", "items": 2},
        },
        "said": [
            ["agent", "May I have your name?"],
            ["customer", name.title()],
            ["customer", f"order {order}, user {user}"],
        ],
    }
    for row, (name, user, order) in enumerate(
        [("crystal minh", "cminh730", "3348917502"), ("maria de santos", "msan77", "9921004417")]
    )
]


def cleaned(tmp_path, *options):
    (tmp_path / "talks.jsonl").write_text("".join(json.dumps(talk) + "\n" for talk in TALKS))
    code = run(["deidentify", str(tmp_path / "talks.jsonl"), "-o", str(tmp_path / "out.jsonl"), *options])
    written = tmp_path / "out.jsonl"
    return code, [json.loads(line) for line in written.read_text().splitlines()] if written.exists() else []


def test_nested_records_keep_their_shape_and_lose_their_people(tmp_path, capsys):
    code, made = cleaned(tmp_path)
    told = capsys.readouterr().out
    assert code == 0 and "customer.customer_name" in told and "customer.order.order_id" in told
    everything = json.dumps(made).lower()
    for talk in TALKS:
        customer = talk["customer"]
        for secret in (customer["customer_name"], customer["username"], customer["order"]["order_id"]):
            assert secret not in everything
    for before, after in zip(TALKS, made, strict=True):
        assert after.keys() == before.keys() and after["customer"].keys() == before["customer"].keys()
        assert after["customer"]["order"]["items"] == 2 and after["said"][0] == before["said"][0]
        # The same person, the same number, wherever they stand and however they are written.
        customer = after["customer"]
        assert after["said"][1][1].lower() == customer["customer_name"]
        assert after["said"][2][1] == f"order {customer['order']['order_id']}, user {customer['username']}"
        assert customer["order"]["order_id"].isdigit() and len(customer["order"]["order_id"]) == 10


def test_a_path_is_treated_as_it_is_told(tmp_path, capsys):
    _, made = cleaned(tmp_path, "--column", "customer.order.city=place", "--column", "said=drop")
    assert all(row["customer"]["order"]["city"] != "Leeds" and "said" not in row for row in made)
    assert cleaned(tmp_path, "--column", "customer.town=place")[0] == 2
    assert "customer.order.city" in capsys.readouterr().err, "the paths that are there are told"
    assert cleaned(tmp_path, "--column", "customer.customer_name=keep")[0] == 3, "kept, and named in the talk: a leak"


@pytest.mark.parametrize("name", ["john smith", "JOHN SMITH", "John Smith", "maria de santos", "ana"])
def test_a_name_is_replaced_however_it_is_written(name):
    made = Pseudonyms(key=b"k" * 32).of("name", name)
    assert not set(made.lower().split()) & (set(name.lower().split()) - {"de"})
    assert made.islower() == name.islower() and made.isupper() == name.isupper()


class Unmoved(Pseudonyms):
    """A planted fault: names come out as they went in."""

    def of(self, kind, text, *, subject=""):
        return text if kind == "name" else super().of(kind, text, subject=subject)


def test_what_comes_out_as_it_went_in_is_a_leak():
    table = pa.table({"name": ["Maria Santos", "Kevin Brown"], "n": [1, 2]})
    assert deidentify_table(table, All((Rules(),)), Unmoved(key=b"k" * 32)).leaked == 2
    assert deidentify_table(table, All((Rules(),)), Pseudonyms(key=b"k" * 32)).leaked == 0
    text = deidentify("Mrs. Maria Santos fell.", All((Rules(),)), Unmoved(key=b"k" * 32))
    assert text.entities == (Entity(5, 17, "name", text.entities[0].sure),)
    assert leaks(text.removed, [text.kept]) == [0]
