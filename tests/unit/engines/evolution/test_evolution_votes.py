"""Votes are bounded, charged before they are taken, never taken twice, and tell no more than they claim."""

from __future__ import annotations

import json

import numpy as np
import pytest

from veridical.attacks.canary import many_runs_bound
from veridical.cli.main import run
from veridical.core import digest
from veridical.core.errors import BudgetError, SpecError
from veridical.engines.evolution.evolve import Plan, evolve, sigma_for
from veridical.engines.evolution.voting import GRAIN, Ballot, Voting, _votes, chosen, noisy_votes
from veridical.privacy.account import Account
from veridical.privacy.ledger import Budget, Ledger
from veridical.privacy.noise import SeededNoise
from veridical.spec.marks import load
from veridical.spec.text import parse_text
from veridical.stages.evolution import run_evolution
from veridical.stages.text_compare import compare_runs


def unit(values):
    values = np.asarray(values, np.float32)
    return values / np.linalg.norm(values, axis=1, keepdims=True)


class Dots:
    """Items are points of the plane; the model knows nothing of where the private ones lie."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    async def random(self, count, label):
        return list(unit(self.rng.normal(size=(count, 8))))

    async def vary(self, items, label, turn):
        return list(unit(np.array(items) + 0.25 * self.rng.normal(size=(len(items), 8))))

    def points(self, items):
        return np.array(items, np.float32)


def cloud(rows: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    return unit(np.eye(8)[0] + 0.2 * rng.normal(size=(rows, 8)))


async def test_made_items_move_towards_the_private_ones():
    private = cloud(2000)
    ledger = Ledger(Budget(epsilon=2.0))
    found = await evolve(Ballot(points=private), Dots(1), Plan(items=60, rounds=6), ledger=ledger, noise=SeededNoise(1))
    before = np.array(await Dots(1).random(60, ""))
    assert (np.array(found.items) @ private.mean(axis=0)).mean() > 0.4 + (before @ private.mean(axis=0)).mean()
    assert ledger.epsilon == pytest.approx(2.0, rel=0.2) and ledger.epsilon <= 2.0
    assert sum(event.mechanism == "discrete_gaussian" for event in ledger.events) == 6
    with pytest.raises(BudgetError):
        noisy_votes(
            Ballot(points=private),
            private[:5],
            None,
            Voting(sigma=1.0, nearest=1, what="more"),
            ledger=ledger,
            noise=SeededNoise(1),
        )


async def test_with_several_variations_no_item_comes_out_twice():
    class Named(Dots):
        made = 0

        async def vary(self, items, label, turn):
            self.made += len(items)
            return await super().vary(items, label, turn)

    dots = Named(1)
    plan = Plan(items=40, rounds=3, variations=2, labels={"a": 10, "b": 30})
    ledger = Ledger(Budget(epsilon=2.0))
    found = await evolve(Ballot(points=cloud(500)), dots, plan, ledger=ledger, noise=SeededNoise(1))
    assert dots.made == 2 * 2 * 40
    assert found.labels == ("a",) * 10 + ("b",) * 30
    assert len({tuple(item) for item in found.items}) == 40
    with pytest.raises(SpecError, match="variation"):
        Plan(items=1, variations=0)


@pytest.mark.parametrize("by", ["rank", "share"])
def test_distinct_draws_follow_the_votes(by):
    votes = np.array([0.0, 50.0, 1.0, 40.0, 0.0])
    draws = [chosen(votes, 2, threshold=0.5, by=by, rng=np.random.default_rng(n), distinct=True) for n in range(40)]
    assert all(len(set(draw)) == 2 for draw in draws)
    assert sum(set(draw) == {1, 3} for draw in draws) > 35


@pytest.mark.parametrize("nearest", [1, 2, 5, 7])
def test_one_person_moves_the_counts_by_no_more_than_is_charged(nearest):
    rng = np.random.default_rng(nearest)
    items, private = unit(rng.normal(size=(40, 8))), unit(rng.normal(size=(30, 8)))
    units = [str(n // 3) for n in range(30)]
    for per_unit in (1, 2):
        full = _votes(Ballot(points=private, units=units, per_unit=per_unit), items, None, nearest)
        for left_out in ("0", "4", "9"):
            kept = [n for n, name in enumerate(units) if name != left_out]
            less = _votes(
                Ballot(points=private[kept], units=[units[n] for n in kept], per_unit=per_unit), items, None, nearest
            )
            assert np.linalg.norm(full - less) <= per_unit * GRAIN
    assert np.linalg.norm(_votes(Ballot(points=private[:1]), items, None, nearest)) <= GRAIN


def test_records_vote_within_their_label():
    items = unit([[1, 0], [0.9, 0.1], [0, 1]])
    ballot = Ballot(points=unit([[1, 0], [0, 1]]), labels=["b", "b"])
    assert _votes(ballot, items, ["a", "b", "b"], 1).tolist() == [0, GRAIN, GRAIN]


@pytest.mark.parametrize(("broken", "disproved"), [(1.0, False), (0.1, True)])
def test_a_canary_audit_of_the_votes(broken, disproved):
    items = unit(np.eye(8))
    crowd, canary = cloud(30, seed=4), unit([np.eye(8)[5]])
    budget = Budget(epsilon=1.0, delta=1e-5)
    sigma = sigma_for(Ledger(budget), 1, 1) * broken  # broken: a tenth of the noise that is claimed
    scores = {}
    for side, points in (("in", np.concatenate([crowd, canary])), ("out", crowd)):
        counts = _votes(Ballot(points=points), items, None, 1)
        rng = np.random.default_rng(len(points))
        scores[side] = np.array(
            [SeededNoise(int(rng.integers(2**31))).gaussian(counts, sigma * GRAIN)[5] for _ in range(800)]
        )
    bound = many_runs_bound(scores["in"].astype(float), scores["out"].astype(float), delta=1e-5)
    assert (bound > 1.0) == disproved


def test_offspring_by_rank_and_by_share():
    rng = np.random.default_rng(0)
    votes = np.array([0.0, 8.0, -3.0, 2.0])
    assert chosen(votes, 2, threshold=0, by="rank", rng=rng) == [1, 3]
    assert set(chosen(votes, 200, threshold=0, by="share", rng=rng)) == {1, 3}
    assert set(chosen(votes, 50, threshold=3, by="share", rng=rng)) == {1}
    assert set(chosen(votes, 200, threshold=99, by="share", rng=rng)) == {0, 1, 2, 3}, "nothing known: anything goes"


async def test_wrong_plans_are_told():
    with pytest.raises(SpecError):
        Plan(items=3, labels={"a": 1})
    with pytest.raises(SpecError):
        noisy_votes(
            Ballot(points=cloud(3)),
            cloud(2),
            None,
            Voting(sigma=1.0, nearest=5, what="x"),
            ledger=Ledger(Budget(epsilon=1)),
            noise=SeededNoise(0),
        )


def test_a_run_is_charged_once_and_resumed_with_the_votes_it_had(tmp_path):
    secrets = [f"Patient Zvonkov number {n} has an aching left knee after running" for n in range(40)]
    (tmp_path / "private.jsonl").write_text("".join(json.dumps({"text": s}) + "\n" for s in secrets))
    replies = [
        f"note {n} on {part} after {what}"
        for n in range(3)
        for part in ("knee", "eye", "tooth")
        for what in ("running", "reading")
    ]
    (tmp_path / "script.jsonl").write_text(json.dumps({"match": ".*", "reply": replies}))
    options = {"task": "medical note", "epsilon": 4.0, "rounds": 2}
    spec = {
        "recipe": {"name": "private_evolution", "options": options},
        "models": {"teacher": {"provider": "scripted", "transcript": "script.jsonl"}},
        "records": 12,
        "seeds": "private.jsonl",
    }
    account = Account(tmp_path / "ledger")
    document = load(json.dumps(spec))
    first = run_evolution(
        parse_text(document, beside=tmp_path), tmp_path / "run", account=account, noise=SeededNoise(1)
    )
    again = run_evolution(
        parse_text(document, beside=tmp_path), tmp_path / "run", account=account, noise=SeededNoise(2)
    )
    assert again.evolved == first.evolved, "other noise would have told more: the votes of the first run stand"
    standing = account.standing(account.keyed(digest.of_file(tmp_path / "private.jsonl")))
    assert standing.runs == 1 and first.epsilon <= 4.0
    written = "".join(p.read_text() for p in (tmp_path / "run/synthesize").glob("*.json*"))
    assert "Zvonkov" not in written and len(first.evolved.items) == 12
    # Two runs are compared as text runs are, with the epsilon of each, and nothing private in it.
    spec["recipe"]["options"] = {**options, "epsilon": 2.0}
    run_evolution(
        parse_text(load(json.dumps(spec)), beside=tmp_path), tmp_path / "less", account=account, noise=SeededNoise(1)
    )
    lines = list(compare_runs(tmp_path / "run", tmp_path / "less").lines())
    told = next(line.split() for line in lines if line.startswith("epsilon"))
    assert 3 < float(told[1]) <= 4.0 and 1 < float(told[2]) <= 2.0 and "changed: options" in lines[0]
    assert any(line.startswith("yield") for line in lines) and "Zvonkov" not in "".join(lines)
    spec["recipe"]["name"] = "magpie"
    with pytest.raises(SpecError, match="magpie"):
        run_evolution(parse_text(load(json.dumps(spec)), beside=tmp_path), tmp_path / "other", account=account)


def test_a_dry_run_tells_requests_noise_and_cost_and_reads_nothing_private(tmp_path, capsys):
    options = {"task": "riddles", "epsilon": 1.0, "rounds": 4}
    spec = {
        "recipe": {"name": "private_evolution", "options": options},
        "models": {"teacher": {"model": "m", "base_url": "http://127.0.0.1:9/v1"}},
        "prices": {"m": {"input": 1.0, "output": 1.0}},
        "seeds": "private.jsonl",
        "records": 50,
    }
    path = tmp_path / "evolve.yaml"
    path.write_text(json.dumps(spec))
    (tmp_path / "private.jsonl").write_text("whoever reads this stumbles")
    assert run(["evolve", str(path), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "requests    350: 50 at random, then 3 times 100 variations" in told
    assert "noise       9.1" in told and "cost        at most $0.0" in told
    assert not (tmp_path / "runs").exists()


def test_wrong_fields_are_told_before_anything_is_charged(tmp_path):
    (tmp_path / "private.jsonl").write_text('{"text": "Zvonkov"}\n{"note": "Zvonkov"}\n')
    spec = {
        "recipe": {"name": "private_evolution", "options": {"task": "note", "epsilon": 4.0}},
        "models": {"teacher": {"provider": "scripted", "transcript": "script.jsonl"}},
        "records": 2,
        "seeds": "private.jsonl",
    }
    (tmp_path / "script.jsonl").write_text(json.dumps({"match": ".*", "reply": "x"}))
    account = Account(tmp_path / "ledger")
    with pytest.raises(SpecError, match="not all of them") as told:
        run_evolution(parse_text(load(json.dumps(spec)), beside=tmp_path), tmp_path / "run", account=account)
    assert "Zvonkov" not in str(told.value)
    source = account.keyed(digest.of_file(tmp_path / "private.jsonl"))
    assert account.standing(source).runs == 0
