"""May a run's texts go out, and what goes with them?"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veridical.core.errors import ReleaseRefused
from veridical.stages.release import Released, check_verdict
from veridical.stages.text_judging import judging
from veridical.stages.text_verdict import TextVerdict
from veridical.stages.told import making_facts, verdict_facts, waiver_facts
from veridical.store.keys import KeyRing
from veridical.store.manifest import write_manifest
from veridical.store.runfolder import replace_folder, write_bytes, writing_folder

if TYPE_CHECKING:
    from veridical.spec.text import TextSpec
    from veridical.stages.text import TextRun

_CARD = """# {title}

**Synthetic.** {count:,} records made by a language model with the recipe `{recipe}`; no record is a real one.
{judging}
{waivers}
| | |
|---|---|
| recipe | `{recipe}` |
| models | {models} |
| seed | {seed} |
| asked for, accepted | {wanted:,}, {count:,} |
| turned away | {turned} |
| cost | ${cost:.4f} |
| gates | {gates}: {outcome} |
| licence | {licence} |

`data.jsonl` holds whole records, `data.parquet` the same as a table; columns that begin with an underscore say how a
record was made. `report.html` shows every figure and gate. `manifest.dsse.json` is signed: `veridical verify`
checks it.
"""


def release_text(
    spec: TextSpec, run: TextRun, judged: TextVerdict, *, exports: Path | None = None, ring: KeyRing | None = None
) -> Released:
    """Sign and write the run's `release` folder: records, exports, card, report and manifest.

    Raises:
        ReleaseRefused: see `check_release`.
    """
    keys = KeyRing.default() if ring is None else ring
    check_release(run, judged)
    with writing_folder(run.folder / "release") as folder:
        for name in ("data.jsonl", "data.parquet"):
            shutil.copyfile(run.folder / "synthesize" / name, folder / name)
        shutil.copyfile(judged.report, folder / "report.html")
        if exports is not None and exports.is_dir():
            shutil.copytree(exports, folder / "export")
        write_bytes(folder / "README.md", _card(spec, run, judged).encode())
        write_manifest(folder, _predicate(spec, run, judged), keys.signing_key())
    return Released(folder=run.folder / "release", verdict=judged.verdict, key_id=keys.signing_key().public.key_id)


def check_release(run: TextRun, judged: TextVerdict) -> None:
    """Do nothing when the judged records may go out; else what an earlier judging released is withdrawn, and said so.

    Raises:
        ReleaseRefused: a gate failed or was not measured and is not waived, or the judged records have changed.
    """
    try:
        check_verdict(judged.verdict, where=str(run.folder))
        _unchanged(run, judged)
    except ReleaseRefused as refused:
        released, aside = run.folder / "release", run.folder / "release.withdrawn"
        if not released.exists():
            raise
        replace_folder(released, aside)
        what = f"{refused.what.rstrip()}\n  what was released before is withdrawn: it was moved to {aside.name}\n"
        raise ReleaseRefused(what, where=refused.where, fix=refused.fix) from None


def _unchanged(run: TextRun, judged: TextVerdict) -> None:
    from veridical.core import digest

    if digest.of_file(run.folder / "synthesize" / "data.jsonl") != judged.verdict.synthetic_fingerprint:
        raise ReleaseRefused(
            "the records are not those that were judged", where=str(run.folder), fix="run `veridical text` again"
        )


def _card(spec: TextSpec, run: TextRun, judged: TextVerdict) -> str:
    waivers = [f"- waived: {w['check']} by {w['by']}: {w['because']}" for w in waiver_facts(judged.verdict)]
    turned = ", ".join(f"{check} {count}" for check, count in sorted(run.harvested.by_check.items())) or "none"
    return _CARD.format(
        title=f"Texts by {spec.recipe.name}",
        count=run.harvested.accepted,
        recipe=spec.recipe.name,
        judging=" ".join(judging(spec, run.folder)),
        waivers="\n" + "\n".join(waivers) + "\n" if waivers else "",
        models=", ".join(_models(spec)),
        seed=spec.seed,
        wanted=spec.records,
        turned=turned,
        cost=run.spent,
        gates=judged.verdict.gate_set,
        outcome=judged.verdict.outcome.value,
        licence=spec.licence or "not stated",
    )


def _predicate(spec: TextSpec, run: TextRun, judged: TextVerdict) -> dict[str, Any]:
    from veridical.core import digest

    return {
        "synthetic": True,
        **making_facts(),
        "method": {"engine": f"recipe {spec.recipe.name}", "options": dict(spec.recipe.options), "seed": spec.seed},
        "models": _models(spec),
        "checks": [{"name": part.name, "options": dict(part.options)} for part in (*spec.checks, *spec.pools)],
        "source": {"seeds_sha256": None if spec.seeds is None else digest.of_file(spec.seeds)},
        "judging": judging(spec, run.folder),
        "harvest": run.to_dict(),
        "verdict": verdict_facts(judged.verdict, run.harvested.accepted),
        "waivers": waiver_facts(judged.verdict),
        "licence": spec.licence or None,
    }


def _models(spec: TextSpec) -> list[str]:
    named = []
    for role, models in spec.models.items():
        for model in models:
            name = model.options.get("model") or model.options.get("weights") or model.options.get("transcript") or ""
            named.append(f"{role}: {model.provider} {Path(str(name)).name}".strip())
    return named
