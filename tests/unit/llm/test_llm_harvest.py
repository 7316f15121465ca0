"""Are exactly N records accepted, under quotas and caps, and is everything else accounted for?"""

import asyncio
import json
from collections import Counter
from types import MappingProxyType

import pytest

from veridical.core.errors import BudgetError, ProviderError, SpecError
from veridical.llm.candidate import Candidate, Rejection
from veridical.llm.chat import ChatRequest, Message, RejectedRequestError, ServerDownError
from veridical.llm.cost import Price, PriceTable, Purse
from veridical.llm.harvest import Goal, Harvest
from veridical.llm.providers.scripted import Scripted
from veridical.llm.session import Endpoint, Session
from veridical.store.journal import Journal


class Counting:
    """One candidate a task, its text what the model said."""

    identity = MappingProxyType({"recipe": "counting"})

    def __init__(self, *, each: int = 1) -> None:
        self.each = each
        self.planned: list[int] = []

    def plan(self, number, wanted):
        self.planned.append(number)
        return {"n": number, **wanted}

    async def make(self, spec, ask):
        made = []
        attributes = {name: value for name, value in spec.items() if name != "n"}
        for index in range(self.each):
            question = ChatRequest(messages=(Message("user", f"{spec['n']} {index} {json.dumps(attributes)}"),))
            reply = await ask(question, step=f"draft.{index}")
            made.append(Candidate(fields={"text": reply.text}, attributes=attributes))
        return made


class OddOnes:
    name = "odd"

    async def __call__(self, candidate, ask):
        number = int(candidate.fields["text"].split()[0])
        return Rejection("odd", "the number is odd") if number % 2 else candidate


class Twins:
    """Refuses texts it has seen."""

    name = "twins"

    def __init__(self):
        self.seen = []

    def refuses(self, candidate):
        return Rejection("twins", "seen before") if candidate.fields["text"] in self.seen else None

    def admit(self, candidate):
        self.seen.append(candidate.fields["text"])


def _echo(request, again):
    return request.messages[-1].content


def _harvest(folder, goal, *, script=_echo, recipe=None, purse=None, prices=None, **more):
    journal = Journal.open(folder, run_key="k", about={})
    session = Session(journal, {"teacher": [Endpoint(Scripted(script=script))]}, purse=purse, prices=prices)
    return Harvest(session, recipe or Counting(), goal, **more)


def _run(harvest):
    try:
        return asyncio.run(harvest.run())
    finally:
        harvest.journal.close()


@pytest.mark.parametrize("each", [1, 3])
def test_exactly_n_and_hardly_more_is_paid_for(tmp_path, each):
    harvest = _harvest(tmp_path, Goal(records=50, in_flight=10), recipe=Counting(each=each), checks=[OddOnes()])
    done = _run(harvest)
    assert (done.accepted, done.complete) == (50, True)
    assert done.accepted + done.rejected + done.surplus == harvest.decided
    assert done.surplus <= 10 * each


def test_quotas_are_met_to_the_record(tmp_path):
    goal = Goal(records=30, quotas={"label": {"a": 5, "b": 10, "c": 15}, "tone": {"x": 15, "y": 15}}, in_flight=8)
    harvest = _harvest(tmp_path, goal)
    assert _run(harvest).complete
    journal = Journal.open_to_read(tmp_path)
    kept = [json.loads(row.body)["attributes"] for row in journal.records("accepted")]
    journal.close()
    assert Counter(item["label"] for item in kept) == {"a": 5, "b": 10, "c": 15}
    assert Counter(item["tone"] for item in kept) == {"x": 15, "y": 15}


def test_quotas_must_add_up():
    with pytest.raises(SpecError, match="add up to 3"):
        Goal(records=4, quotas={"label": {"a": 1, "b": 2}})


def test_a_starving_quota_is_named_with_its_cause(tmp_path):
    class NoB:
        name = "no-b"

        async def __call__(self, candidate, ask):
            return Rejection("no-b", "it is b") if candidate.attributes["label"] == "b" else candidate

    goal = Goal(records=10, quotas={"label": {"a": 5, "b": 5}}, max_candidates=60, in_flight=5)
    done = _run(_harvest(tmp_path, goal, checks=[NoB()]))
    assert not done.complete
    assert done.accepted == 5
    assert list(done.starving) == ["label=b"]
    assert "5 short" in done.starving["label=b"]
    assert "no-b turned away" in done.starving["label=b"]
    assert "max_candidates" in done.stopped_because


def test_twins_in_flight_together_do_not_both_get_in(tmp_path):
    goal = Goal(records=8, max_candidates=200, in_flight=32)
    pool = Twins()
    done = _run(
        _harvest(
            tmp_path, goal, script=lambda r, again: f"text {int(r.messages[-1].content.split()[0]) % 8}", pools=[pool]
        )
    )
    assert done.accepted == 8
    assert len(set(pool.seen)) == 8


def test_a_bug_in_a_recipe_costs_one_record_and_says_where(tmp_path):
    class Brittle(Counting):
        async def make(self, spec, ask):
            made = await super().make(spec, ask)
            if spec["n"] % 7 == 3:
                raise KeyError("secret text of a reply")
            return made

    done = _run(_harvest(tmp_path, Goal(records=40, in_flight=8), recipe=Brittle()))
    assert done.accepted == 40
    assert done.failed_tasks == done.by_check["provider"] >= 5
    journal = Journal.open_to_read(tmp_path)
    reasons = {reason for _, reason in journal.failed_tasks()}
    journal.close()
    assert all("KeyError at make" in reason and "secret" not in reason for reason in reasons)


def test_a_request_the_server_rejects_fails_alone_and_is_kept(tmp_path):
    def script(request, again):
        text = request.messages[-1].content
        return RejectedRequestError("HTTP 400: too long") if text.startswith("3 ") else text

    done = _run(_harvest(tmp_path, Goal(records=20, in_flight=4), script=script))
    assert (done.accepted, done.failed_tasks) == (20, 1)


def test_when_everything_fails_the_run_stops_and_can_be_taken_up_again(tmp_path):
    harvest = _harvest(tmp_path, Goal(records=500), script=lambda r, again: RejectedRequestError("HTTP 400: no"))
    with pytest.raises(ProviderError, match="in a row failed"):
        _run(harvest)
    journal = Journal.open(tmp_path, run_key="k", about={})
    assert journal.reopen_failed() >= 50
    journal.close()
    assert _run(_harvest(tmp_path, Goal(records=60))).accepted == 60


def test_a_server_that_is_down_leaves_the_tasks_open(tmp_path):
    harvest = _harvest(tmp_path, Goal(records=20), script=lambda r, again: ServerDownError("gone"))
    with pytest.raises(ServerDownError):
        _run(harvest)
    journal = Journal.open_to_read(tmp_path)
    assert journal.failed_tasks() == []
    assert len(journal.open_tasks()) > 0
    journal.close()
    done = _run(_harvest(tmp_path, Goal(records=20)))
    assert (done.accepted, done.failed_tasks) == (20, 0)


def test_an_empty_reply_of_a_recipe_does_not_vanish(tmp_path):
    class Nothing(Counting):
        async def make(self, spec, ask):
            made = await super().make(spec, ask)
            return made if spec["n"] % 2 else []

    done = _run(_harvest(tmp_path, Goal(records=10, in_flight=2), recipe=Nothing()))
    assert done.accepted == 10
    assert done.by_check["the recipe made nothing of the reply"] >= 9
    again = _run(_harvest(tmp_path, Goal(records=10, in_flight=2), recipe=Nothing()))
    assert again.by_check == done.by_check


def test_a_recipe_may_reject_what_it_made(tmp_path):
    class Refused(Counting):
        async def make(self, spec, ask):
            [made] = await super().make(spec, ask)
            refused = Rejection("refusal", "the model declined") if spec["n"] % 3 == 0 else None
            return [Candidate(fields=made.fields, rejected=refused)]

    done = _run(_harvest(tmp_path, Goal(records=10, in_flight=2), recipe=Refused(), checks=[]))
    assert done.by_check == {"refusal": done.rejected}
    assert done.rejected >= 4


def test_max_cost_ends_the_run_and_a_higher_one_takes_it_up(tmp_path):
    prices = PriceTable({"scripted": Price(output=1_000_000.0)})

    def run(limit):
        script = lambda request, again: "one"  # noqa: E731 - a dollar a reply
        goal = Goal(records=40, in_flight=4)
        harvest = _harvest(tmp_path, goal, script=script, purse=Purse(limit=limit), prices=prices)
        return harvest, _run(harvest)

    harvest, done = run(520.0)
    assert not done.complete
    assert "max_cost" in done.stopped_because
    assert harvest.session.purse.spent <= 520
    spent = harvest.session.purse.spent
    harvest, done = run(10_000.0)
    assert done.complete
    assert harvest.session.purse.spent == 40.0
    assert spent > 0


def test_a_finished_run_asks_nothing_and_a_wider_goal_goes_on(tmp_path):
    _run(_harvest(tmp_path, Goal(records=10)))
    harvest = _harvest(tmp_path, Goal(records=10))
    assert _run(harvest).accepted == 10
    assert harvest.session.tally.sent == 0
    pool = Twins()
    harvest = _harvest(tmp_path, Goal(records=25), pools=[pool])
    assert _run(harvest).accepted == 25
    assert harvest.session.tally.sent == 15
    assert len(pool.seen) == 25


def test_what_was_decided_is_counted_again_after_a_stop(tmp_path):
    goal = Goal(records=10, quotas={"label": {"a": 5, "b": 5}}, max_candidates=30, in_flight=5)

    class NoB:
        name = "no-b"

        async def __call__(self, candidate, ask):
            return Rejection("no-b", "it is b") if candidate.attributes["label"] == "b" else candidate

    first = _run(_harvest(tmp_path, goal, checks=[NoB()]))
    second = _run(_harvest(tmp_path, goal, checks=[NoB()]))
    assert (second.by_check, second.starving, second.accepted) == (first.by_check, first.starving, first.accepted)


def test_the_budget_error_is_no_crash(tmp_path):
    done = _run(_harvest(tmp_path, Goal(records=5), script=lambda r, again: BudgetError("enough")))
    assert done.accepted == 0
    assert done.stopped_because == "enough"


@pytest.mark.parametrize("cap", [3, 30, 33])
def test_the_cap_on_candidates_holds_when_a_task_makes_several(tmp_path, cap):
    class Never:
        name = "never"

        async def __call__(self, candidate, ask):
            return Rejection("never", "none is good")

    recipe = Counting(each=4)
    recipe.per_call = 4
    done = _run(_harvest(tmp_path, Goal(records=40, max_candidates=cap, in_flight=8), recipe=recipe, checks=[Never()]))
    # A cap below what one call makes still lets one call be tried.
    assert done.rejected <= max(cap, 4) and done.rejected > cap - 4
    assert "max_candidates" in done.stopped_because
