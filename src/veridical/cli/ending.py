"""What is a person told when a run has ended?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from veridical.core.finding import Verdict
    from veridical.stages.plan import Done


def tell_done(done: Done) -> None:
    """Say what the gates said, what went out, and which page to open."""
    if done.schema_kept is not None:
        click.echo(f"schema      kept from {done.schema_kept} (delete it to learn again)")
    tell_verdict(done.verdict)
    if done.released is not None:
        click.echo(f"released    {done.released.folder}  (signed by {done.released.key_id[:16]}...)")
        click.echo(f"check it    veridical verify {done.released.folder}")
    if done.report.exists():
        click.echo(f"open        {done.report.resolve().as_uri()}")


def tell_verdict(verdict: Verdict) -> None:
    """Say in two lines what the gates said."""
    from veridical.core.finding import Outcome

    passed = sum(result.outcome is Outcome.PASS for result in verdict.results)
    click.echo(f"gates       {passed} of {len(verdict.results)} passed ({verdict.gate_set})")
    for result in verdict.results:
        if result.waived_by:
            click.echo(f"waived      {result.gate.check} by {result.waived_by}: {result.waived_because}")
