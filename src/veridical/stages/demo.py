"""What does the whole spine look like on real data that ships in the package?"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from veridical.core.contracts import Progress
from veridical.spec.run import RunSpec
from veridical.stages.plan import Done, carry_out, context_of


def run_demo(output: Path, *, rows: int, gates: str, seed: int, workers: int | None, progress: Progress) -> Done:
    """Run everything on the Adult census.

    Data: Becker and Kohavi 1996, "Adult", UCI Machine Learning Repository, CC BY 4.0.

    Raises:
        ReleaseRefused: a gate failed or was not measured.
    """
    with resources.as_file(resources.files("veridical.data") / "adult.parquet") as source:
        spec = RunSpec(
            source=source,
            output=output,
            rows=rows,
            seed=seed,
            workers=workers,
            format="csv",
            gates=gates,
            target="income",
            licence="CC-BY-4.0",
        )
        return carry_out(spec, context_of(spec, progress))
