"""How good are texts that some other tool made? The same measures, gates and page as for texts made here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from veridical.core import digest
from veridical.core.contracts import RunContext
from veridical.core.finding import Direction, Finding
from veridical.stages.text_verdict import JUDGED, TextCase, TextVerdict, judge_case


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """Texts of another tool: a file of records, and real ones to hold them against.

    `benchmarks` maps names to files or folders; `fields` names what is text (empty: all text fields that both have).
    """

    data: Path
    seeds: Path | None = None
    holdout: Path | None = None
    target: str | None = None
    fields: tuple[str, ...] = ()
    benchmarks: Mapping[str, str] = field(default_factory=dict)
    gates: str = "text"


def validate_texts(foreign: Foreign, folder: Path, ctx: RunContext) -> TextVerdict:
    """Judge texts of any origin and write the report into a folder.

    Raises:
        VeridicalError: a file cannot be read, or the gates are wrong.
    """
    from veridical.curate.setting import read_records

    made = [_kept(record, foreign) for record in read_records(foreign.data)]
    step = max(1, -(-len(made) // JUDGED))
    count = Finding(
        check="text.records", value=float(len(made)), n=len(made), direction=Direction.HIGHER,
        ceiling=float(len(made)), sentence=f"{len(made):,} records were given.",
    )  # fmt: skip
    named = {"benchmarks": dict(foreign.benchmarks), "beside": Path()} if foreign.benchmarks else {}
    case = TextCase(
        title=f"Texts of {foreign.data.name}",
        made=made[::step],
        fingerprint=digest.of_file(foreign.data),
        seeds=[] if foreign.seeds is None else [_kept(record, foreign) for record in read_records(foreign.seeds)],
        holdout=[] if foreign.holdout is None else [_kept(r, foreign) for r in read_records(foreign.holdout)],
        target=foreign.target,
        gates=foreign.gates,
        benchmarks=named,
        findings=(count,),
        notes=("Another tool made these texts: how, at what cost and from which seeds is not known here.",),
        provenance={"file": foreign.data.name, "records": str(len(made))},
        seed=ctx.seed,
    )
    return judge_case(case, folder, ctx)


def _kept(record: Mapping[str, Any], foreign: Foreign) -> Mapping[str, Any]:
    """Return the fields of a record, those of a run of ours too; only the named ones where some are."""
    fields: Mapping[str, Any] = record["fields"] if isinstance(record.get("fields"), dict) else record
    if not foreign.fields:
        return fields
    wanted = (*foreign.fields, *((foreign.target,) if foreign.target is not None else ()))
    return {name: fields[name] for name in wanted if name in fields}
