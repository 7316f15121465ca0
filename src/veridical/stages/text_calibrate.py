"""How far can the judge of a text run be believed? It grades a sample that people graded, and is held against them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veridical.core import digest
from veridical.core.errors import DataError, SpecError
from veridical.core.rng import stream
from veridical.llm.candidate import Ask, Candidate

if TYPE_CHECKING:
    from veridical.curate.calibration import Calibration, Figure
    from veridical.curate.judge import Judge
    from veridical.llm.session import Session
    from veridical.spec.text import TextSpec

AT_ONCE = 64  # records being graded
_QUESTIONS = ("instruction", "question", "prompt")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Records that people graded: `label` names the field of their grade, `author` that of the model that wrote it."""

    path: Path
    label: str = "grade"
    author: str = ""
    pairs: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What is known of a judge now, how many of its replies held no grade, and what asking it cost in US dollars."""

    found: Calibration
    unread: int
    spent: float
    path: Path

    def lines(self) -> Iterator[str]:
        """Yield what a person is told."""
        found = self.found
        yield _line("agreement with people (kappa)", found.kappa, "")
        yield _line("took the same place both times", found.position, "no pairs could be shown")
        yield _line("grade a doubling of the length", found.length, "")
        yield _line("grade for its own texts", found.own, "the sample says of no record who wrote it (--author-field)")
        if self.unread:
            yield f"{self.unread} replies held no grade and count as disagreement with nobody"
        yield f"cost ${self.spent:.4f}; written to {self.path}"
        yield (
            "CALIBRATED: the judge agrees with people (kappa surely above 0.4)"
            if found.trusted
            else "UNCALIBRATED: kappa is not surely above 0.4, or fewer than 20 records were graded; reports say so"
        )


def calibrate_judge(spec: TextSpec, sample: Sample, output: Path) -> Calibrated:
    """Let the judge of a spec grade a sample, hold it against people's grades, and write the calibration.

    People's grades are on the judge's scale, or 0 and 1 (then a grade that the check lets pass counts as 1). Pairs of
    records with one grade are shown both ways round: a fair judge takes no place twice. Replies are journalled beside
    the output, so that nothing is paid twice.

    Raises:
        SpecError: the spec has no check `judge`. DataError: the sample lacks grades. ProviderError: nobody answers.
    """
    from veridical.curate.calibration import calibrate, write_calibration
    from veridical.curate.setting import read_records
    from veridical.curate.word import joined, words_of
    from veridical.llm.cost import Purse, packaged_prices
    from veridical.llm.roster import roster
    from veridical.llm.session import Session
    from veridical.store.journal import Journal

    judge = _judge_of(spec)
    records = read_records(sample.path)
    labels = _labels(records, sample.label, judge)
    shown = [Candidate(fields=_without(record, sample)) for record in records]
    roles = roster({judge.role: spec.models[judge.role]})
    models = [dict(end.model.identity) for end in roles[judge.role]]
    about = {**judge.about, "models": models}
    key = {"judge": about, "sample": digest.of_file(sample.path), "pairs": sample.pairs, "seed": spec.seed}
    journal = Journal.open(output.with_suffix(".run"), run_key=digest.of_json(key), about=key)
    try:
        prices = packaged_prices().extended(spec.prices)
        session = Session(journal, roles, purse=Purse(limit=spec.max_cost), prices=prices, seed=spec.seed)
        grades, places = asyncio.run(_graded(session, judge, shown, labels, sample.pairs, spec.seed))
        spent = session.purse.spent
    finally:
        journal.close()
    read = [place for place, grade in enumerate(grades) if grade is not None]
    if not read:
        raise DataError("the judge gave no grade that can be read", where="judge", fix="see its rubric and its model")
    authors = [str(records[place].get(sample.author, "")) for place in read] if sample.author else []
    found = calibrate(
        _on_scale([float(grades[place] or 0.0) for place in read], labels, judge),
        [labels[place] for place in read],
        lengths=[len(words_of(joined(shown[place].fields, judge.fields))) for place in read],
        own=[author in {str(model.get("model")) for model in models} for author in authors] if any(authors) else None,
        firsts=places or None,
        seed=spec.seed,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    write_calibration(found, output, about)
    return Calibrated(found=found, unread=len(grades) - len(read), spent=spent, path=output)


async def _graded(
    session: Session, judge: Judge, shown: Sequence[Candidate], labels: Sequence[float], pairs: int, seed: int
) -> tuple[list[float | None], list[tuple[str, str]]]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(place: int) -> float | None:
        async with gate:
            return await judge.grade(shown[place], _asking(session, place))

    async def two(task: int, first: int, second: int) -> tuple[str, str]:
        from veridical.curate.judge import compare
        from veridical.curate.word import joined

        texts = [joined(shown[place].fields, judge.fields) for place in (first, second)]
        question = next((str(shown[first].fields[name]) for name in _QUESTIONS if name in shown[first].fields), "")
        async with gate:
            found = await compare(
                _asking(session, task), question, *texts, rubric=judge.rubric, role=judge.role, step="pair"
            )
        return found.shown, found.swapped

    try:
        grades = await asyncio.gather(*(one(place) for place in range(len(shown))))
        chosen = _pairs(labels, pairs, seed)
        places = await asyncio.gather(*(two(len(shown) + n, *pair) for n, pair in enumerate(chosen)))
    finally:
        await session.close()
    return list(grades), list(places)


def _asking(session: Session, task: int) -> Ask:
    async def ask(request: Any, *, step: str = "", role: str = "judge") -> Any:
        reply, _ = await session.ask(request, task=task, step=step, role=role)
        return reply

    return ask


def _pairs(labels: Sequence[float], count: int, seed: int) -> list[tuple[int, int]]:
    """Return pairs of records that people graded alike, each record in one pair at most."""
    waiting: dict[float, int] = {}
    pairs = []
    for place in map(int, stream(seed, "judge", "pairs").permutation(len(labels))):
        other = waiting.pop(labels[place], None)
        if other is None:
            waiting[labels[place]] = place
        else:
            pairs.append((other, place))
    return pairs[:count]


def _judge_of(spec: TextSpec) -> Judge:
    from veridical.stages.text_parts import parts_of

    judge = next((check for check in parts_of(spec).checks if check.name == "judge"), None)
    if judge is None:
        raise SpecError("the spec has no check `judge`", where="checks", fix="add `- judge: {rubric: ...}`")
    made: Judge = judge  # type: ignore[assignment]
    if made.role not in spec.models:
        raise SpecError(f"no model answers for the role {made.role!r}", where="models", fix=f"add `{made.role}:`")
    return made


def _labels(records: Sequence[Mapping[str, Any]], name: str, judge: Judge) -> list[float]:
    labels = []
    for number, record in enumerate(records):
        try:
            labels.append(float(record[name]))
        except (KeyError, TypeError, ValueError):
            raise DataError(
                f"record {number} has no number in {name!r}", where="sample", fix="name the field with --label-field"
            ) from None
    if set(labels) <= {0.0, 1.0} or all(judge.low <= label <= judge.high for label in labels):
        return labels
    raise DataError(
        f"people's grades lie between {min(labels):g} and {max(labels):g}, the judge's between {judge.low} and "
        f"{judge.high}",
        where="sample",
        fix="give both one scale (options `low` and `high` of the judge), or grades of 0 and 1",
    )


def _on_scale(grades: Sequence[float], labels: Sequence[float], judge: Judge) -> list[float]:
    if set(labels) <= {0.0, 1.0} and (judge.low, judge.high) != (0, 1):
        return [float(grade >= judge.at_least) for grade in grades]
    return list(grades)


def _without(record: Mapping[str, Any], sample: Sample) -> dict[str, Any]:
    """Return the record as the judge may see it: not what people thought of it, nor who wrote it."""
    fields = record.get("fields", record)
    return {name: value for name, value in fields.items() if name not in (sample.label, sample.author)}


def _line(what: str, figure: Figure | None, otherwise: str) -> str:
    if figure is None:
        return f"{what:<32} not measured{f': {otherwise}' if otherwise else ''}"
    return f"{what:<32} {figure.value:>6.2f}  [{figure.low:.2f}, {figure.high:.2f}]  n {figure.n}"
