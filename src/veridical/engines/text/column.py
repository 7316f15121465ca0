"""What stands in the free-text column of a row, given the rest of the row?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from veridical.core.errors import SpecError
from veridical.curate.setting import configured, read_records
from veridical.engines.text.draw import need_seeds, rotated
from veridical.engines.text.trail import Sampling, Trail, identity_of
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.structured import unusable

_QUESTION = """{task}

Write the column "{column}" of the last row. It must agree with every value of that row, invent nothing that \
contradicts them, and read like the examples without copying them. Write only the text.

{examples}Row:
{row}
{column}:"""


@configured
@dataclass(frozen=True, kw_only=True)
class FreeText:
    """The text of `column` for each row of `rows` (a file; the seeds' own rows where none is named), in order.

    Seeds that have the column are the examples, `shots` a task. `context` names the columns shown (empty: all others).
    """

    column: str
    task: str = "You complete the rows of a table."
    rows: str = ""
    context: tuple[str, ...] = ()
    shots: int = 3
    sampling: Sampling = Sampling(temperature=0.8)  # noqa: RUF009 - frozen
    seeds: tuple[Mapping[str, Any], ...] = ()
    beside: Path = Path()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.shots:
            need_seeds(self.seeds, (self.column,), "column")
        if not self.rows and not self.seeds:
            raise SpecError("there are no rows", where="recipe.column", fix="name a file with `rows:`")

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked; the rows by their digest."""
        from veridical.core import digest

        about = identity_of(self, "column")
        about["options"] |= {"rows": digest.of_file(self.beside / self.rows) if self.rows else "", "beside": ""}
        return about

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the row and the examples of a task; after the last row the first comes again."""
        place = number % len(self._rows)
        shots = rotated(len(self.seeds), self.shots, seed=self.seed, path="examples", turn=number)
        if not self.rows:
            shots = [index for index in shots if index != place]
        return {"task": number, **wanted, "row": place, "examples": shots, "source": f"row:{place}"}

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Ask for the text of one row."""
        kept = {name: str(spec[name]) for name in spec if name not in ("task", "row", "examples", "source")}
        trail = Trail(ask, self.seed + int(spec["task"]))
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
            return [trail.broken(reply, kept)]
        return [trail.candidate({**row, **kept, self.column: text}, kept)]

    @cached_property
    def _rows(self) -> Sequence[Mapping[str, Any]]:
        return read_records(self.beside / self.rows) if self.rows else self.seeds

    def _shown(self, row: Mapping[str, Any]) -> str:
        names = self.context or tuple(name for name in row if name != self.column)
        return "\n".join(f"{name}: {row[name]}" for name in names if row.get(name) is not None)
