"""In which words is a person told what a text run came to?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from veridical.stages.text import TextRun


def summary(run: TextRun) -> Iterator[str]:
    """Yield the lines that end a run."""
    h, tally = run.harvested, run.tally
    wanted = "" if run.complete else "  (fewer than asked for)"
    yield f"accepted    {h.accepted:,}{wanted}"
    by_check = ", ".join(f"{check} {count:,}" for check, count in sorted(h.by_check.items(), key=lambda i: -i[1]))
    yield f"turned away {h.rejected:,}{f' ({by_check})' if by_check else ''}; surplus {h.surplus:,}"
    if h.failed_tasks:
        yield f"given up    {h.failed_tasks:,} tasks (veridical text inspect {run.folder} --rejected)"
    yield f"requests    {run.requests:,} paid; now: {tally.sent:,} sent, {tally.replayed:,} from the journal"
    failures = ", ".join(f"{kind} {count:,}" for kind, count in sorted(tally.failures.items()))
    if failures:
        yield f"retried     {failures}"
    yield f"cost        {_money(run)}"
    if tally.prompt:
        yield f"cache hits  {tally.cached / tally.prompt:.0%} of {tally.prompt:,} prompt tokens"
    for quota, why in h.starving.items():
        yield f"starving    {quota}: {why}"
    if h.stopped_because:
        yield f"stopped     {h.stopped_because}"
    yield f"written     {run.folder / 'synthesize'}"


def _money(run: TextRun) -> str:
    if run.unpriced and not run.spent:
        return f"unknown: no price for {', '.join(run.unpriced)} (add it under `prices:`)"
    each = "" if run.cost_per_accepted is None else f", ${run.cost_per_accepted:.6f} an accepted record"
    lost = f", up to ${run.doubtful:.4f} more for lost replies" if run.doubtful else ""
    rest = f"; without {', '.join(run.unpriced)}, which has no price" if run.unpriced else ""
    return f"${run.spent:.4f}{each}{lost}{rest}"
