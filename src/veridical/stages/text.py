"""How does a text run go from a spec to a folder of accepted records, exactly once, whatever dies on the way?"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veridical.llm.cost import Purse, packaged_prices
from veridical.llm.harvest import Goal, Harvest, Harvested, Told
from veridical.llm.roster import BATCH_WINDOW, roster
from veridical.llm.session import Session, Tally
from veridical.spec.text import TextSpec
from veridical.stages.text_parts import TextParts, parts_of
from veridical.store.journal import Journal

if TYPE_CHECKING:
    from veridical.core.contracts import RunContext

_LULL_S = 0.03  # without a new question: everything waits for the server


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRun:
    """What a text run came to. Costs are US dollars; `doubtful` is the most that lost replies may have cost beside."""

    folder: Path
    harvested: Harvested
    tally: Tally
    spent: float
    doubtful: float
    requests: int
    unpriced: tuple[str, ...]  # models without a price: counted as free

    @property
    def complete(self) -> bool:
        """Whether exactly the records asked for were accepted."""
        return self.harvested.complete

    @property
    def cost_per_accepted(self) -> float | None:
        """Dollars per accepted record."""
        return self.spent / self.harvested.accepted if self.harvested.accepted else None

    def to_dict(self) -> dict[str, Any]:
        """Return the run as JSON-like data."""
        return {
            **asdict(self.harvested),
            "complete": self.complete,
            "spent_usd": self.spent,
            "doubtful_usd": self.doubtful,
            "cost_per_accepted_usd": self.cost_per_accepted,
            "requests_paid": self.requests,
            "unpriced_models": list(self.unpriced),
            "this_session": asdict(self.tally),
        }


def run_text(
    spec: TextSpec,
    folder: Path,
    ctx: RunContext,
    *,
    told: Told | None = None,
    retry_failed: bool = False,
) -> TextRun:
    """Harvest what a spec asks for into a run folder, and write the accepted records and everybody's lineage.

    Begun, killed or finished before: the same call goes on from there. `told` is called as candidates are decided on.

    Raises:
        SpecError: a part of the spec is wrong. DataError: the folder is in use, or the disk is full.
        ArtifactError: the folder holds another run, or its journal is damaged.
        ProviderError: no endpoint can be used, or everything fails.
    """
    spec = ready(spec, folder, ctx)
    return harvest_into(spec, folder, ctx, parts_of(spec), told=told, retry_failed=retry_failed)


def ready(spec: TextSpec, folder: Path, ctx: RunContext) -> TextSpec:
    """Return the spec with everything made that its recipe starts from: the rows of a table, where they are asked for.

    Raises:
        VeridicalError: they cannot be made, or failed their gates.
    """
    if spec.recipe.name != "column":
        return spec
    from veridical.stages.text_rows import with_rows_made

    return with_rows_made(spec, folder, ctx)


def harvest_into(
    spec: TextSpec,
    folder: Path,
    ctx: RunContext,
    parts: TextParts,
    *,
    told: Told | None = None,
    retry_failed: bool = False,
    limit: int | None = None,
) -> TextRun:
    """Do what `run_text` does with parts already made; `limit` caps the candidates (a pilot)."""
    roles = roster(spec.models)
    key, about = parts.run_key(roles, spec)
    with closing(Journal.open(folder, run_key=key, about=about)) as journal, _few_collections():
        _keep_spec(spec, folder)
        if retry_failed:
            journal.reopen_failed()
        prices = packaged_prices().extended(spec.prices)
        session = Session(
            journal,
            roles,
            purse=Purse(limit=spec.max_cost),
            prices=prices,
            seed=spec.seed,
            in_flight=_in_flight(spec),
        )
        harvested = asyncio.run(_harvest(session, spec, parts, _telling(told, ctx, spec.records), limit))
        run = TextRun(
            folder=folder,
            harvested=harvested,
            tally=session.tally,
            spent=session.purse.spent,
            doubtful=session.purse.doubtful,
            requests=journal.paid()[0],
            unpriced=tuple(sorted(session.purse.unknown)),
        )
        from veridical.stages.text_output import write_output

        write_output(run, journal, spec)
    return run


async def _harvest(session: Session, spec: TextSpec, parts: TextParts, told: Told, limit: int | None) -> Harvested:
    goal = Goal(
        records=spec.records,
        quotas=spec.quotas,
        max_candidates=spec.max_candidates if limit is None else limit,
        in_flight=_in_flight(spec),
    )
    harvest = Harvest(session, parts.recipe, goal, checks=parts.checks, pools=parts.pools, told=told)
    loading = asyncio.create_task(_load_writers(session))
    try:
        return await harvest.run()
    finally:
        loading.cancel()
        await session.close()


async def _load_writers(session: Session) -> None:
    """Import what writes the output while the first replies are waited for: it takes a quarter of a second."""
    sent = -1
    while sent < 1 or sent != session.tally.sent:
        sent = session.tally.sent
        await asyncio.sleep(_LULL_S)
    await asyncio.get_running_loop().run_in_executor(None, _import_writers)


def _import_writers() -> None:
    import pyarrow.json
    import pyarrow.parquet  # noqa: F401


@contextmanager
def _few_collections() -> Iterator[None]:
    """Let Python look for cycles seldom: a run makes hardly any, and each look goes through everything imported."""
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def _in_flight(spec: TextSpec) -> int:
    return BATCH_WINDOW if spec.models["teacher"][0].batch else spec.in_flight


def _telling(told: Told | None, ctx: RunContext, records: int) -> Told:
    def tell(harvest: Harvest) -> None:
        ctx.progress("synthesize", done=harvest.accepted, total=records)
        if told is not None:
            told(harvest)

    return tell


def _keep_spec(spec: TextSpec, folder: Path) -> None:
    from veridical.store.runfolder import write_json

    kept = folder / "spec.json"
    content = {"beside": str(spec.beside.resolve()), "name": spec.document.name, "value": spec.document.value}
    write_json(kept, content)


def kept_spec(folder: Path) -> TextSpec:
    """Return the spec that a run's folder was begun with.

    Raises:
        ArtifactError: this is no folder of a text run.
    """
    from veridical.core.errors import ArtifactError
    from veridical.spec.marks import Document
    from veridical.spec.text import parse_text

    try:
        kept: Mapping[str, Any] = _json((folder / "spec.json").read_text(encoding="utf-8"))
        document = Document(kept["value"], str(kept["name"]), {}, {})
        beside = Path(str(kept["beside"]))
    except (OSError, ValueError, KeyError) as wrong:
        raise ArtifactError(
            "this is no folder of a text run", where=str(folder), fix="give the folder that `veridical text` wrote"
        ) from wrong
    return replace(parse_text(document, beside=beside), output=folder)


def _json(text: str) -> Any:
    import json

    return json.loads(text)
