"""Does generating more of what a student gets wrong help, against the same money spent at random?

Generate, train a student on all that was accepted so far, see which labels it gets wrong on real texts kept for that
(`find`), generate more of those, and again. The random arm starts from the same first round and may decide on as many
candidates a round as the targeted one took. Both are graded on real texts that neither arm ever looks at (`test`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veridical.core.errors import DataError
from veridical.core.rng import derive, stream
from veridical.curate.setting import read_records
from veridical.curate.word import plain, words_of
from veridical.measures.estimate import share

if TYPE_CHECKING:
    from veridical.core.contracts import RunContext
    from veridical.spec.improve import ImproveSpec
    from veridical.spec.text import TextSpec

TARGETED, RANDOM = "targeted", "random"
Pair = tuple[str, str]  # a text and its label


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFigures:
    """One arm after one round: accuracy on unseen real texts with its interval, cost, and the figures of collapse.

    `distinct_2` and `vendi` are of all texts so far (Vendi as a share of their number), `label_entropy` is 1 for even
    labels. `asked` counts candidates decided on in this round, `spent` dollars.
    """

    arm: str
    round: int
    texts: int
    accuracy: float
    low: float
    high: float
    asked: int
    spent: float
    distinct_2: float
    vendi_share: float
    label_entropy: float
    repeats: int
    wanted: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Improved:
    """All rounds of both arms; `gain` is targeted minus random accuracy at the end, paired over the test texts."""

    rounds: tuple[RoundFigures, ...]
    gain: float
    gain_low: float
    gain_high: float
    seeds_only: float | None
    find: int
    test: int
    folder: Path

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-like data."""
        return {**asdict(self), "folder": str(self.folder)}


def improve(spec: ImproveSpec, folder: Path, ctx: RunContext) -> Improved:
    """Run the loop in a folder; every run in it is journalled, so that the same call goes on after a crash.

    Raises:
        DataError: too few real texts, or a round accepted too little to learn from.
    """
    return _Loop(spec, folder, ctx).run()


def allotted(count: int, mistakes: Mapping[str, float], *, floor: float) -> dict[str, int]:
    """Return how many records each label gets: a floor evenly, the rest by mistakes, `count` in all.

    Example:
        >>> allotted(10, {"a": 0.5, "b": 0.0}, floor=0.2)
        {'a': 9, 'b': 1}
    """
    total = sum(mistakes.values())
    even = {label: 1 / len(mistakes) for label in mistakes}
    wrong = {label: value / total for label, value in mistakes.items()} if total else even
    exact = {label: count * (floor * even[label] + (1 - floor) * wrong[label]) for label in mistakes}
    given = {label: math.floor(value) for label, value in exact.items()}
    rest = sorted(exact, key=lambda label: given[label] - exact[label])
    for label in rest[: count - sum(given.values())]:
        given[label] += 1
    return given


class _Loop:
    def __init__(self, spec: ImproveSpec, folder: Path, ctx: RunContext) -> None:
        self.spec, self.folder, self.ctx = spec, folder, ctx
        self.target = str(spec.run.target)
        self.labels = list(spec.run.quotas[self.target])
        held = _pairs(read_records(spec.run.holdout) if spec.run.holdout else (), self.target, self.labels)
        order = stream(spec.run.seed, "improve", "split").permutation(len(held))
        self.find, self.test = ([held[int(i)] for i in order[part::2]] for part in (0, 1))
        if min(len(self.find), len(self.test)) < 2 * len(self.labels):
            raise DataError(
                f"{len(held)} real texts for {len(self.labels)} labels", where="holdout", fix="hold out four a label"
            )
        seeds = read_records(spec.run.seeds) if spec.run.seeds is not None else ()
        self.seeds = _pairs(seeds, self.target, self.labels)

    def run(self) -> Improved:
        """Run the first round, then both arms in turn."""
        even = allotted(self.spec.first, dict.fromkeys(self.labels, 1.0), floor=1.0)
        start = self._generate("first", 0, even, cap=None)
        pools = {TARGETED: list(start.pairs), RANDOM: list(start.pairs)}
        found = [self._graded(arm, 0, pools[arm], start, even) for arm in (TARGETED, RANDOM)]
        for number in range(1, self.spec.rounds + 1):
            mistakes = self._student(pools[TARGETED]).mistakes(*_apart(self.find))
            weights = {label: mistakes.get(label, 0.0) for label in self.labels}
            wanted = allotted(self.spec.each, weights, floor=self.spec.floor)
            made = self._generate(TARGETED, number, wanted, cap=self.spec.most_candidates)
            # More than can be asked for: what stops the random arm is the cost, not the count.
            plenty = allotted(self.spec.each * 4, dict.fromkeys(self.labels, 1.0), floor=1.0)
            other = self._generate(RANDOM, number, plenty, cap=made.asked)
            for arm, new, quota in ((TARGETED, made, wanted), (RANDOM, other, plenty)):
                pools[arm] += new.pairs
                found.append(self._graded(arm, number, pools[arm], new, quota))
        return self._written(found, pools)

    def _generate(self, arm: str, number: int, quota: Mapping[str, int], *, cap: int | None) -> _Made:
        from veridical.stages.text import run_text

        folder = self.folder / (arm if arm == "first" else f"{arm}-{number}")
        seed = derive(self.spec.run.seed, "improve", number) % 2**31
        run = run_text(_changed(self.spec.run, self.target, quota, seed=seed, cap=cap), folder, self.ctx)
        self.ctx.progress("improve", done=number, total=self.spec.rounds)
        with (folder / "synthesize" / "data.jsonl").open("rb") as file:
            records = [_loads(line) for line in file]
        h = run.harvested
        asked = h.accepted + h.rejected + h.surplus
        return _Made(_pairs([r["fields"] for r in records], self.target, self.labels), asked, run.spent)

    def _student(self, pool: Sequence[Pair]) -> Any:
        from veridical.training.student import learn

        texts, labels = _apart([*pool, *(self.seeds if self.spec.with_seeds else ())])
        return learn(texts, labels)

    def _graded(self, arm: str, number: int, pool: list[Pair], made: _Made, wanted: Mapping[str, int]) -> RoundFigures:
        from veridical.curate.sentence import embed
        from veridical.measures.text.variety import distinct, vendi

        texts, labels = _apart(pool)
        hits = self._student(pool).right(*_apart(self.test))
        grade = share(int(hits.sum()), len(hits))
        interval = grade.interval(0.0, 1.0)
        return RoundFigures(
            arm=arm, round=number, texts=len(pool), accuracy=grade.value,
            low=interval.low if interval else math.nan, high=interval.high if interval else math.nan,
            asked=made.asked, spent=made.spent,
            distinct_2=distinct([words_of(text) for text in texts], 2),
            vendi_share=vendi(embed(texts)) / len(texts),
            label_entropy=_entropy(labels, len(self.labels)),
            repeats=len(texts) - len({plain(text) for text in texts}),
            wanted=dict(wanted),
        )  # fmt: skip

    def _written(self, found: list[RoundFigures], pools: Mapping[str, list[Pair]]) -> Improved:
        from veridical.store.runfolder import write_json

        ours, theirs = (self._student(pools[arm]).right(*_apart(self.test)) for arm in (TARGETED, RANDOM))
        differences = ours.astype(float) - theirs.astype(float)
        gain = float(differences.mean())
        error = 1.96 * float(differences.std()) / math.sqrt(len(differences))
        seeds = self._seeds_only()
        improved = Improved(
            rounds=tuple(found), gain=gain, gain_low=gain - error, gain_high=gain + error, seeds_only=seeds,
            find=len(self.find), test=len(self.test), folder=self.folder,
        )  # fmt: skip
        write_json(self.folder / "improve.json", improved.to_dict())
        return improved

    def _seeds_only(self) -> float | None:
        from veridical.training.student import learn

        if len({label for _, label in self.seeds}) < 2:
            return None
        return float(learn(*_apart(self.seeds)).right(*_apart(self.test)).mean())


@dataclass(frozen=True, slots=True)
class _Made:
    pairs: list[Pair]
    asked: int
    spent: float


def _changed(run: TextSpec, target: str, quota: Mapping[str, int], *, seed: int, cap: int | None) -> TextSpec:
    """Return the run with other quotas and seed, in its document too: its folder can be resumed on its own."""
    from veridical.spec.text import parse_text

    value = deepcopy(run.document.value)
    value |= {"records": sum(quota.values()), "quotas": {target: dict(quota)}, "seed": seed}
    if cap is not None:
        value["max_candidates"] = cap
    for name in ("gates", "export"):
        value.pop(name, None)
    return parse_text(replace(run.document, value=value), beside=run.beside)


def _pairs(records: Sequence[Mapping[str, Any]], target: str, labels: Sequence[str]) -> list[Pair]:
    known = set(labels)
    found = []
    for record in records:
        texts = {key: value for key, value in record.items() if key != target and isinstance(value, str)}
        text = texts.get("text") or next(iter(texts.values()), "")
        if str(record.get(target)) in known and text:
            found.append((text, str(record[target])))
    return found


def _apart(pairs: Sequence[Pair]) -> tuple[list[str], list[str]]:
    return [text for text, _ in pairs], [label for _, label in pairs]


def _entropy(labels: Sequence[str], kinds: int) -> float:
    counts = Counter(labels)
    total = sum(counts.values())
    return -sum(c / total * math.log(c / total) for c in counts.values()) / math.log(kinds) if kinds > 1 else 1.0


def _loads(line: bytes) -> dict[str, Any]:
    import orjson

    value: dict[str, Any] = orjson.loads(line)
    return value


def curve_lines(improved: Improved) -> list[str]:
    """Return the curves as a person reads them."""
    lines = [
        f"graded on {improved.test} real texts; weaknesses found on {improved.find} others",
        "round  arm       texts  accuracy              asked   cost $  distinct-2  vendi/n  labels  repeats",
    ]
    for r in improved.rounds:
        lines.append(
            f"{r.round:>5}  {r.arm:<8} {r.texts:>6}  {r.accuracy:.3f} ({r.low:.3f}-{r.high:.3f})  {r.asked:>6}  "
            f"{r.spent:>7.4f}  {r.distinct_2:>10.3f}  {r.vendi_share:>7.3f}  {r.label_entropy:>6.3f}  {r.repeats:>7}"
        )
    lines.append(
        f"targeted minus random at the end: {improved.gain:+.3f} "
        f"({improved.gain_low:+.3f} to {improved.gain_high:+.3f}, paired, 95 %)"
    )
    if improved.seeds_only is not None:
        lines.append(f"a student of the real seeds alone: {improved.seeds_only:.3f}")
    return lines
