"""What may stand in the YAML file of an improvement loop?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from veridical.core.errors import SpecError
from veridical.spec.marks import read
from veridical.spec.text import TextSpec, read_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ImproveSpec:
    """A loop over a text run: `first` records, then `rounds` of `each`, chosen by what the student gets wrong.

    `floor` is the share of each round that is spread evenly whatever the mistakes are. `most_candidates` caps what a
    targeted round may ask for; the random arm gets as many candidates as the targeted one took.
    """

    run: TextSpec
    rounds: int
    first: int
    each: int
    floor: float
    most_candidates: int
    with_seeds: bool


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    run: str
    rounds: int = Field(default=3, ge=1, le=50)
    first: int = Field(ge=2)
    each: int = Field(ge=1)
    floor: float = Field(default=0.2, ge=0, le=1)
    most_candidates: int | None = Field(default=None, ge=1)
    with_seeds: bool = False


def read_improve(path: Path) -> ImproveSpec:
    """Return the improvement loop that a YAML file declares.

    Raises:
        SpecError: anything in it, or in the text run that it names, is wrong.
    """
    document = read(path)
    try:
        file = _File.model_validate(document.value)
    except ValidationError as wrong:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in wrong.errors())
        raise SpecError(problems, where=document.name, fix="the parts are " + ", ".join(_File.model_fields)) from None
    run = read_text(path.parent / file.run)
    if run.target is None or run.holdout is None or run.target not in run.quotas:
        fix = "name `target:`, real `holdout:` texts, and `quotas:` over the target's labels"
        raise SpecError("a student needs labels to learn and real texts to be tested on", where=file.run, fix=fix)
    return ImproveSpec(
        run=run,
        rounds=file.rounds,
        first=file.first,
        each=file.each,
        floor=file.floor,
        most_candidates=file.most_candidates if file.most_candidates is not None else 20 * file.each,
        with_seeds=file.with_seeds,
    )
