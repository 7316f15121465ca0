"""How does Private Evolution run from a spec, so that a crash neither pays nor tells anything twice?"""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from veridical.core import digest
from veridical.core.contracts import PrivacyEvent
from veridical.core.errors import SpecError
from veridical.core.options import from_options
from veridical.curate.sentence import embed
from veridical.curate.setting import read_records
from veridical.engines.evolution.evolve import Evolved, Plan, evolve, sigma_for
from veridical.engines.evolution.text import TextMaker
from veridical.engines.evolution.voting import Ballot
from veridical.llm.chat import Usage
from veridical.llm.cost import Purse, packaged_prices
from veridical.llm.roster import roster
from veridical.llm.session import Session
from veridical.llm.trail import Sampling
from veridical.privacy.account import Account
from veridical.privacy.ledger import Budget, Ledger, plain_event
from veridical.privacy.noise import Noise, SecureNoise
from veridical.spec.text import TextSpec
from veridical.store.artifact import seal
from veridical.store.journal import Journal
from veridical.store.runfolder import write_bytes, write_json, writing_folder

NAME = "private_evolution"
KIND = "evolution"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolutionOptions:
    """What stands under `recipe.options`: what is wanted, what is promised, and whose each record is.

    `seeds` of the spec are the private records; `examples` are public ones for base models. `labels` are the classes
    wanted, with how many of each: public, because the person who asks decides them.
    """

    task: str
    epsilon: float
    delta: float = 1e-6
    text_field: str = "text"
    unit: str | None = None
    per_unit: int = 1
    label: str | None = None
    labels: Mapping[str, int] = field(default_factory=dict)
    rounds: int = 4
    variations: int = 2
    nearest: int = 1
    by: Literal["rank", "share"] = "share"
    threshold: float = 0.0
    language: str = "English"
    style: Literal["chat", "completion"] = "chat"
    examples: tuple[str, ...] = ()
    sampling: Sampling = Sampling(temperature=1.0, max_tokens=96)  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolutionRun:
    """What a run came to: the texts, what was spent of epsilon, and what of dollars."""

    folder: Path
    evolved: Evolved[str]
    epsilon: float
    budget: Budget
    events: tuple[PrivacyEvent, ...]
    spent_usd: float
    requests: int

    def lines(self) -> list[str]:
        """Return the run in words."""
        first, last = self.evolved.history[0], self.evolved.history[-1]
        return [
            f"texts       {len(self.evolved.items):,} in {self.folder / 'data.jsonl'}",
            f"privacy     epsilon {self.epsilon:.3g} at delta {self.budget.delta:g}, noise {self.evolved.sigma:.3g} "
            f"on a vote, {len(self.evolved.history)} rounds",
            f"votes       the most voted tenth held {first['top_tenth']:.0%} at first, {last['top_tenth']:.0%} at last",
            f"requests    {self.requests:,}, ${self.spent_usd:.4f}",
        ]


class _Journalled:
    """The votes of a run, as its journal keeps them."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known = {int(body["turn"]): list(body["votes"]) for _, body in journal.events(["votes"])}

    def recall(self, turn: int) -> list[float] | None:
        return self._known.get(turn)

    async def keep(self, turn: int, votes: list[float]) -> None:
        await self._journal.event("votes", {"turn": turn, "votes": votes})


def run_evolution(
    spec: TextSpec, folder: Path, *, account: Account | None = None, noise: Noise | None = None
) -> EvolutionRun:
    """Evolve texts towards the spec's private records, and write `data.jsonl` and what may be told of the run.

    The whole budget is charged to the source's account before anything is learned of the records; the same command
    goes on where a run died, with the votes it had. Nothing is measured on the private records: that would tell too.

    Raises:
        SpecError: the spec names another recipe, no private records, or an option is wrong.
        BudgetError: the source's budget is spent.
    """
    options = _options(spec)
    budget = Budget(epsilon=options.epsilon, delta=options.delta)
    account = Account.default() if account is None else account
    records = _records(spec, options)
    source = account.keyed(digest.of_file(_private(spec)))
    roles = roster(spec.models)
    about = _about(spec, source, roles)
    journal = Journal.open(folder, run_key=digest.of_json(about), about=about)
    try:
        if not journal.events(["reserved"]):
            account.reserve(source, budget, f"private evolution of {spec.records} texts")
            asyncio.run(journal.event("reserved", {"epsilon": budget.epsilon, "delta": budget.delta}))
        ledger = Ledger(budget)
        prices = packaged_prices().extended(spec.prices)
        session = Session(journal, roles, purse=Purse(limit=spec.max_cost), prices=prices, seed=spec.seed)
        drawn = SecureNoise() if noise is None else noise
        evolved = asyncio.run(_evolved(session, spec, _ballot(records, options), options, ledger, drawn, journal))
        done = EvolutionRun(
            folder=folder / "synthesize", evolved=evolved, epsilon=ledger.epsilon, budget=budget,
            events=ledger.events, spent_usd=session.purse.spent, requests=journal.paid()[0],
        )  # fmt: skip
        if not journal.events(["settled"]):
            account.settle(source, ledger.events)
            asyncio.run(journal.event("settled", {}))
    finally:
        journal.close()
    _write(done, options, source)
    return done


def _about(spec: TextSpec, source: str, roles: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a run this run and no other: its journal is opened for nothing else."""
    return {
        "recipe": NAME,
        "options": json.loads(digest.canonical_json(dict(spec.recipe.options))),
        "records": spec.records,
        "source": source,
        "seed": spec.seed,
        "models": {role: [dict(end.model.identity) for end in ends] for role, ends in roles.items()},
    }


def dry_evolution(spec: TextSpec) -> Iterator[str]:
    """Yield what a run would ask, promise and at most cost; nobody is asked and no private record is read.

    Raises:
        SpecError: the spec names another recipe, or an option is wrong.
    """
    options = _options(spec)
    budget = Budget(epsilon=options.epsilon, delta=options.delta)
    sigma = sigma_for(Ledger(budget), options.rounds, 1 if options.unit is None else options.per_unit)
    # The last round only chooses among what is there.
    varied = spec.records * options.variations
    requests = spec.records + varied * (options.rounds - 1)
    yield f"{spec.document.name}: {spec.records:,} texts, nobody was asked, no private record was read"
    yield f"requests    {requests:,}: {spec.records:,} at random, then {options.rounds - 1} times {varied:,} variations"
    yield f"privacy     epsilon {budget.epsilon:g} at delta {budget.delta:g} for {options.rounds} rounds of votes"
    yield (
        f"noise       {sigma:.3g} votes on a count: a text stands out where {math.ceil(3 * sigma):,} or more records "
        "vote for it beyond the others"
    )
    model = str(roster(spec.models)["teacher"][0].model.identity.get("model", ""))
    price = packaged_prices().extended(spec.prices).price(model)
    if price is None:
        yield f"cost        unknown: no price for {model} (add it under `prices:`)"
        return
    words = sum(len(text) for text in (*options.examples[:3], options.task)) + 200
    usage = Usage(prompt=words // 3, completion=options.sampling.max_tokens)
    yield f"cost        at most ${price.of(usage) * requests:,.4f}"


def _options(spec: TextSpec) -> EvolutionOptions:
    if spec.recipe.name != NAME:
        raise SpecError(f"the recipe is {spec.recipe.name!r}", where="recipe", fix=f"name it {NAME}")
    return from_options(EvolutionOptions, spec.recipe.options, where="recipe.options")


async def _evolved(
    session: Session,
    spec: TextSpec,
    ballot: Ballot,
    options: EvolutionOptions,
    ledger: Ledger,
    noise: Noise,
    journal: Journal,
) -> Evolved[str]:
    maker = TextMaker(
        session=session, task=options.task, language=options.language, style=options.style, examples=options.examples,
        sampling=options.sampling, seed=spec.seed, in_flight=min(spec.in_flight, 64),
    )  # fmt: skip
    plan = Plan(
        items=spec.records, rounds=options.rounds, variations=options.variations, nearest=options.nearest,
        by=options.by, threshold=options.threshold, labels=dict(options.labels), seed=spec.seed,
    )  # fmt: skip
    try:
        return await evolve(ballot, maker, plan, ledger=ledger, noise=noise, memory=_Journalled(journal))
    finally:
        await session.close()


def _records(spec: TextSpec, options: EvolutionOptions) -> tuple[Mapping[str, Any], ...]:
    """Return the private records, of which nothing was looked at but that they have the fields named."""
    records = read_records(_private(spec))
    names = [name for name in (options.text_field, options.unit, options.label) if name]
    # Which record lacks it is not told: it would tell of a private one.
    lacking = [name for name in names if not all(name in record for record in records)]
    if lacking or not records:
        what = f"have no {lacking[0]!r}, or not all of them" if lacking else "are none"
        raise SpecError(f"the private records {what}", where="recipe.options", fix="name their fields")
    return tuple(records)


def _ballot(records: Sequence[Mapping[str, Any]], options: EvolutionOptions) -> Ballot:
    return Ballot(
        points=embed([str(record[options.text_field]) for record in records]),
        units=None if options.unit is None else [str(record[options.unit]) for record in records],
        labels=None if options.label is None else [str(record[options.label]) for record in records],
        per_unit=options.per_unit,
    )


def _private(spec: TextSpec) -> Path:
    if spec.seeds is None:
        raise SpecError("no private records are named", where="seeds", fix="name their file with `seeds:`")
    return spec.seeds


def _write(run: EvolutionRun, options: EvolutionOptions, source: str) -> None:
    doubled = sum(count - 1 for count in Counter(run.evolved.items).values())
    about: Mapping[str, Any] = {
        "epsilon": run.epsilon,
        "delta": run.budget.delta,
        "unit": options.unit or "record",
        "sigma": run.evolved.sigma,
        "events": [plain_event(event) for event in run.events],
        "history": list(run.evolved.history),
        "source": f"keyed:{source}",
        "doubled": doubled,
        "cost_usd": run.spent_usd,
    }
    with writing_folder(run.folder) as target:
        pairs = zip(run.evolved.items, run.evolved.labels, strict=True)
        lines = [_record(at, text, label) for at, (text, label) in enumerate(pairs)]
        write_bytes(target / "data.jsonl", "".join(json.dumps(x, ensure_ascii=False) + "\n" for x in lines).encode())
        write_json(target / "evolution.json", about)
        seal(target, KIND, 1)


def _record(at: int, text: str, label: str) -> dict[str, Any]:
    """Return a text as other text runs write their records."""
    fields = {"text": text, "label": label} if label else {"text": text}
    return {
        "id": digest.of_bytes(f"{at} {text}".encode())[:20],
        "fields": fields,
        "attributes": {"label": label} if label else {},
        "source": f"synthetic:{NAME}",
        "steps": [NAME],
        "models": [],
        "seed": 0,
        "task": at,
        "cost": 0.0,
        "scores": {},
    }
