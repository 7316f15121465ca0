"""What stands in the free-text column of a row, given the rest of the row?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from veridical.core.errors import SpecError
from veridical.curate.setting import configured, read_records
from veridical.llm.candidate import Ask, Candidate, Rejection
from veridical.llm.draw import rotated
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail, identity_of

_QUESTION = """{task}

Write the column "{column}" of the last row. It must agree with every value of that row, invent nothing that \
contradicts them, and read like the examples without copying them. Write only the text.

{examples}Row:
{row}
{column}:"""


NUMBER = "row_number"


@configured
@dataclass(frozen=True, kw_only=True)
class FreeText:
    """The text of `column` for each row of `rows` (a file; the seeds' own rows where none is named), once a row.

    `rows: synth` makes them first, from the seeds' other columns (`stages.text_rows`).

    Seeds that have the column are the examples, `shots` a task; a row without a text in it is no example. `context`
    names the columns shown (empty: all others). A row whose text was turned away comes again; `row_number` says which
    row a record is, counted from 0.
    """

    column: str
    task: str = "You complete the rows of a table."
    rows: str = ""
    context: tuple[str, ...] = ()
    shots: int = 3
    sampling: Sampling = Sampling(temperature=0.8)  # noqa: RUF009 - frozen
    records: int = 0
    seeds: tuple[Mapping[str, Any], ...] = ()
    beside: Path = Path()
    seed: int = 0
    _done: set[int] = field(default_factory=set, init=False, repr=False, compare=False)
    _next: list[int] = field(default_factory=lambda: [0], init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.rows and not self.seeds:
            raise SpecError("there are no rows", where="recipe.column", fix="name a file with `rows:`")
        if self.shots and not self._examples:
            raise SpecError(
                f"no seed has a text in {self.column!r}", where="recipe.column", fix="name `seeds:`, or take `shots: 0`"
            )
        if self.records > len(self._rows):
            raise SpecError(
                f"{self.records} records are asked for and there are {len(self._rows)} rows",
                where="recipe.column", fix=f"ask for {len(self._rows)} at most: a row gets one text",
            )  # fmt: skip

    @property
    def name(self) -> str:
        """Its name as a pool: a row gets one text."""
        return "column"

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked; the rows by their digest."""
        from veridical.core import digest

        about = identity_of(self, "column")
        about["options"] |= {"rows": digest.of_file(self.beside / self.rows) if self.rows else "", "beside": ""}
        for name in ("records", "_done", "_next"):
            about["options"].pop(name)
        return about

    def refuses(self, candidate: Candidate) -> Rejection | None:
        """Return that the row has its text already, or None."""
        done = candidate.fields.get(NUMBER) in self._done
        return Rejection(self.name, "its row has a text already") if done else None

    def admit(self, candidate: Candidate) -> None:
        """Remember that a row has its text."""
        self._done.add(int(candidate.fields[NUMBER]))

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What quotas may count: nothing: each row gets one text."""
        return ()

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the next row without a text, and the examples; after the last row those turned away come again."""
        count = len(self._rows)
        place = next((p % count for p in range(self._next[0], self._next[0] + count) if p % count not in self._done), 0)
        self._next[0] = (place + 1) % count
        shots = rotated(len(self._examples), self.shots, seed=self.seed, path="examples", turn=number)
        examples = [self._examples[shot] for shot in shots]
        if not self.rows:
            examples = [index for index in examples if index != place]
        return {"task": number, **wanted, "row": place, "examples": examples, "source": f"row:{place}"}

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for the text of one row."""
        trail = Trail.of(spec, ask, seed=self.seed)
        row = dict(self._rows[spec["row"]])
        shown = [
            f"Row:\n{self._shown(self.seeds[i])}\n{self.column}: {self.seeds[i][self.column]}" for i in spec["examples"]
        ]
        question = _QUESTION.format(
            task=self.task,
            column=self.column,
            examples="\n\n".join(shown) + "\n\n" if shown else "",
            row=self._shown(row),
        )
        reply = await trail.say("write", question, self.sampling)
        text = reply.text.strip()
        if unusable(reply) or not text:
            return [trail.broken(reply)]
        # What a row lacks is left out: a check for empty fields is about what was written, not about the row.
        given = {name: value for name, value in row.items() if value is not None and value != ""}
        return [trail.record({**given, self.column: text, NUMBER: spec["row"]})]

    @cached_property
    def _rows(self) -> Sequence[Mapping[str, Any]]:
        return read_records(self.beside / self.rows) if self.rows else self.seeds

    @cached_property
    def _examples(self) -> Sequence[int]:
        texts = (record.get(self.column) for record in self.seeds)
        return [place for place, text in enumerate(texts) if isinstance(text, str) and text.strip()]

    def _shown(self, row: Mapping[str, Any]) -> str:
        names = self.context or tuple(name for name in row if name != self.column)
        return "\n".join(f"{name}: {row[name]}" for name in names if row.get(name) is not None)
