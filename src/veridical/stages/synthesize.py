"""How do rows get from a generator to files: any number, flat memory, resumable, the same bytes whoever works?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from veridical.core import digest
from veridical.core.contracts import Generator, RunContext, SampleRequest, Shard
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError
from veridical.exec.local import executor
from veridical.exec.shards import SHARD_ROWS, plan
from veridical.stages.model import open_model, read_json
from veridical.store.artifact import Sealed, open_sealed, seal
from veridical.store.parts import Parts, open_parts
from veridical.store.runfolder import write_json, writing_file, writing_folder
from veridical.store.tablefile import TableWriter, writing_table

KIND = "synthesis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked of which model, in which format; its identity names the parts that belong to it."""

    model: Path
    model_fingerprint: str
    request: SampleRequest
    form: str = "parquet"
    shard_rows: int = SHARD_ROWS

    def to_dict(self) -> dict[str, Any]:
        """Return all that decides a byte of the output, as JSON-like data."""
        from veridical.core.version import VERSION

        request = {name: value for name, value in asdict(replace(self.request, context=None)).items() if value}
        context = self.request.context
        return {
            "model": self.model_fingerprint,
            "request": {**request, "context": None if context is None else digest.of_table(context)},
            "format": self.form,
            "shard_rows": self.shard_rows,
            "veridical": VERSION,
            "pyarrow": pa.__version__,
        }


@dataclass(frozen=True, slots=True)
class _DrawShard:
    """The task of one shard: draw it, write its part, mark it; runs in any process."""

    model: Path
    model_fingerprint: str
    request: SampleRequest
    context: Path | None
    parts: Parts

    def __call__(self, shard: Shard) -> dict[str, Any]:
        request = self.request
        if self.context is not None:
            request = replace(request, context=_mapped(self.context))
        generator = _opened(self.model, self.model_fingerprint)
        drawn: Dataset = getattr(generator, "sample_coded", generator.sample)(request, shard)
        for name, table in drawn.tables.items():
            with writing_file(self.parts.file(shard.index, name)) as file:
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                with pa.ipc.new_file(file, table.schema, options=options) as writer:
                    writer.write_table(table)
        self.parts.mark(shard.index, list(drawn.tables), rows=drawn.rows)
        return {"tables": list(drawn.tables), "rows": drawn.rows}


def order(model: Path, request: SampleRequest, *, form: str = "parquet", shard_rows: int = SHARD_ROWS) -> Order:
    """Return an order on a model that was opened and found whole.

    Raises:
        ArtifactError: the model is truncated, edited, or none.
    """
    opened = open_model(model)
    return Order(
        model=opened.sealed.folder,
        model_fingerprint=opened.sealed.fingerprint,
        request=request,
        form=form,
        shard_rows=shard_rows,
    )


def draw(generator: Generator, request: SampleRequest, *, shard_rows: int = SHARD_ROWS) -> Dataset:
    """Return rows in memory: the same ones that the files would hold.

    Raises:
        VeridicalError: the request cannot be met.
    """
    drawn = [generator.sample(request, shard) for shard in _shards(generator, request, shard_rows)]
    return Dataset({name: pa.concat_tables([part.tables[name] for part in drawn]) for name in drawn[0].tables})


def _shards(generator: Generator, request: SampleRequest, shard_rows: int) -> Sequence[Shard]:
    """Return the shards of a request: the generator's own plan where it draws by something else than rows."""
    own = getattr(generator, "shards", None)
    return plan(request.rows, shard_rows=shard_rows) if own is None else own(request, shard_rows)


def synthesize(asked: Order, ctx: RunContext, folder: Path) -> Sealed:
    """Write a sealed folder with a file for each table; finished shards of an interrupted try are used again.

    Raises:
        VeridicalError: the request cannot be met, or the place cannot be written.
    """
    identity = asked.to_dict()
    known = _same_synthesis(folder, identity)
    if known is not None:
        ctx.progress("synthesize", done=asked.request.rows, total=asked.request.rows)
        return known
    # Through the parts' folder: what a killed process leaves behind goes when the next try ends.
    with (
        open_parts(folder.with_name(f".{folder.name}.parts"), identity) as parts,
        writing_folder(folder, through=parts.folder) as target,
    ):
        rows = _assemble(asked, ctx, parts, lambda name: target / f"{file_stem(name)}.{asked.form}")
        write_json(target / "request.json", {**identity, "rows": rows})
        seal(target, KIND, 1)
    return open_sealed(folder, KIND)


def file_stem(table: str) -> str:
    """Return a table's name as a file's name.

    Example:
        >>> file_stem("sales/2024 Q1")
        'sales_2024_Q1'
    """
    return re.sub(r"[^\w.-]+", "_", table).strip(".") or "data"


def synthesize_file(asked: Order, ctx: RunContext, path: Path) -> int:
    """Write one table to one file and return its rows; resumable as `synthesize` is.

    Raises:
        VeridicalError: the request cannot be met, or the place cannot be written.
    """
    with open_parts(path.with_name(f".{path.name}.parts"), asked.to_dict()) as parts:
        rows = _assemble(asked, ctx, parts, lambda _: path)
    return sum(rows.values())


def _assemble(asked: Order, ctx: RunContext, parts: Parts, place: Callable[[str], Path]) -> dict[str, int]:
    """Append the parts in order while others are still drawn; return the rows of each table."""
    writers: dict[str, TableWriter] = {}
    rows: dict[str, int] = {}
    done = 0
    with ExitStack() as files:
        for shard, tables in _parts_in_order(asked, ctx, parts):
            for name in tables:
                with pa.memory_map(str(parts.file(shard.index, name))) as source:
                    piece = pa.ipc.open_file(source).read_all()
                if name not in writers:
                    writers[name] = files.enter_context(_writing(place(name), asked, piece, parts))
                writers[name](piece)
                rows[name] = rows.get(name, 0) + piece.num_rows
            done += shard.rows
            ctx.progress("synthesize", done=done, total=asked.request.rows)
    return rows


def _writing(path: Path, asked: Order, piece: pa.Table, parts: Parts) -> AbstractContextManager[TableWriter]:
    return writing_table(path, asked.form, piece.schema, through=parts.folder)


def _parts_in_order(asked: Order, ctx: RunContext, parts: Parts) -> Iterator[tuple[Shard, list[str]]]:
    shards = _shards(_opened(asked.model, asked.model_fingerprint), asked.request, asked.shard_rows)
    finished: dict[int, list[str]] = {}
    for shard in shards:
        mark = parts.finished(shard.index)
        if mark is not None:
            finished[shard.index] = list(mark["tables"])
    missing = [shard for shard in shards if shard.index not in finished]
    ctx.progress("synthesize", done=0, total=asked.request.rows)
    results = executor(ctx.workers, len(missing)).run(_task(asked, parts), missing)
    for shard in shards:
        while shard.index not in finished:
            result = next(results)
            finished[result.shard.index] = list(result.value["tables"])
        yield shard, finished.pop(shard.index)


def _task(asked: Order, parts: Parts) -> _DrawShard:
    context, path = asked.request.context, None
    if context is not None:
        # One file that every worker maps, named by its content: a request with its rows is not sent to each.
        path = parts.folder / f"context-{digest.of_table(context)[:12]}.arrow"
        with writing_file(path) as file, pa.ipc.new_file(file, context.schema) as writer:
            writer.write_table(context)
    return _DrawShard(asked.model, asked.model_fingerprint, replace(asked.request, context=None), path, parts)


@lru_cache(maxsize=1)
def _opened(model: Path, fingerprint: str) -> Generator:
    opened = open_model(model)
    if opened.sealed.fingerprint != fingerprint:
        raise ArtifactError("was replaced while it was used", where=str(model), fix="start again")
    return opened.generator


@lru_cache(maxsize=1)
def _mapped(path: Path) -> pa.Table:
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _same_synthesis(folder: Path, identity: Mapping[str, Any]) -> Sealed | None:
    try:
        sealed = open_sealed(folder, KIND)
        asked = read_json(folder / "request.json")
    except ArtifactError:
        return None
    same = digest.of_json({name: asked.get(name) for name in identity}) == digest.of_json(identity)
    return sealed if same else None
