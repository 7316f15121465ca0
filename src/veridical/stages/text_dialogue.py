"""What is measured of a text run whose records are dialogues?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from veridical.core.contracts import RunContext
from veridical.core.errors import VeridicalError
from veridical.core.finding import Finding, not_measured

if TYPE_CHECKING:
    from veridical.spec.text import TextSpec
    from veridical.stages.text import TextRun


def dialogue_findings(spec: TextSpec, run: TextRun, ctx: RunContext) -> list[Finding]:
    """Return the findings of a run's dialogues; none where its records are no dialogues.

    Real dialogues to hold them against are those of the file that the recipe's option `real` names.
    """
    records = _fields(run)
    if not records or not isinstance(records[0].get("turns"), list):
        return []
    from veridical.measures.dialogue.catalog import DIALOGUE_MEASURES
    from veridical.measures.dialogue.view import DialogueView, talk_of

    try:
        real = [talk_of(record) for record in _real(spec)]
    except VeridicalError as wrong:
        return [not_measured("dialogue.shape", f"the real dialogues cannot be read: {wrong.what}")]
    view = DialogueView(made=[talk_of(record) for record in records], real=real, failed=run.harvested.by_check)
    return [f for card in DIALOGUE_MEASURES for f in DIALOGUE_MEASURES.load(card.name)().measure(view, ctx)]


def _fields(run: TextRun) -> list[dict[str, Any]]:
    with (run.folder / "synthesize" / "data.jsonl").open("rb") as file:
        return [json.loads(line)["fields"] for line in file]


def _real(spec: TextSpec) -> Sequence[Any]:
    from veridical.curate.setting import read_records

    name = spec.recipe.options.get("real")
    return read_records(spec.beside / name) if name else ()
