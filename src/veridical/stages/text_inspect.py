"""How far is a text run, and what became of every candidate?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veridical.stages.text import kept_spec
from veridical.stages.text_best import unchosen
from veridical.stages.text_judging import judging
from veridical.stages.text_output import lineage
from veridical.store.journal import Journal


@dataclass(frozen=True, slots=True)
class Look:
    """An open look into a run's journal; the run itself may go on meanwhile."""

    folder: Path
    journal: Journal

    def lines(self) -> Iterator[str]:
        """Yield what a person wants to know first."""
        counts = self.journal.counts()
        accepted = sum(count for (state, _), count in counts.items() if state == "accepted")
        surplus = sum(count for (state, _), count in counts.items() if state == "surplus")
        paid, cost = self.journal.paid()
        doubtful = self.journal.doubtful()
        spec = kept_spec(self.folder)
        yield f"run         {self.folder}"
        yield f"accepted    {accepted:,} of {spec.records:,}; surplus {surplus:,}"
        if spec.best is not None:
            yield f"go out      the best {min(spec.best.records, accepted):,} by {spec.best.by}"
        for (state, check), count in sorted(counts.items(), key=lambda item: -item[1]):
            if state == "rejected":
                yield f"turned away {count:,} by {check}"
        failed = self.journal.failed_tasks()
        if failed:
            yield f"given up    {len(failed):,} tasks; the last: {failed[-1][1]}"
        open_tasks = len(self.journal.open_tasks())
        if open_tasks:
            yield f"open        {open_tasks:,} tasks were begun and not finished: `veridical text resume {self.folder}`"
        each = f", ${cost / accepted:.6f} an accepted record" if accepted else ""
        lost = f", up to ${doubtful:.4f} more for lost replies" if doubtful else ""
        yield f"paid        {paid:,} requests, ${cost:.4f}{each}{lost}"
        yield f"judging     {' '.join(judging(spec, self.folder))}"

    def rejected(self) -> Iterator[dict[str, Any]]:
        """Yield everything that was turned away, with the check and the reason."""
        yield from lineage(self.journal, unchosen(self.journal, kept_spec(self.folder)))


@contextmanager
def looking_into(folder: Path) -> Iterator[Look]:
    """Open the journal of a run folder for reading only.

    Raises:
        ArtifactError: this is no folder of a text run, or its journal is damaged.
    """
    kept_spec(folder)
    journal = Journal.open_to_read(folder)
    try:
        yield Look(folder, journal)
    finally:
        journal.close()
