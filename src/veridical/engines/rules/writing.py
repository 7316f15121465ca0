"""How do tables made from rules reach files, in the same bytes whoever works on them?"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa

from veridical.core.contracts import Progress, silent
from veridical.core.errors import SpecError
from veridical.engines.rules import sql
from veridical.engines.rules.family import Block, Family
from veridical.store.runfolder import writing_file
from veridical.store.tablefile import FORMATS, writing_table

ALL_FORMATS = (*FORMATS, "sql")


def write(family: Family, folder: Path, form: str, *, workers: int = 1, progress: Progress = silent) -> dict[str, int]:
    """Write every table to `folder/<table>.<form>` (SQL: one `tables.sql`), and return the rows of each.

    Raises:
        SpecError: there is no such format.
    """
    if form not in ALL_FORMATS:
        raise SpecError(f"no format {form!r}", fix=f"use one of {', '.join(ALL_FORMATS)}")
    family.prepare()
    blocks = list(family.blocks())
    progress("rows", done=0, total=len(blocks))
    counts = {table.name: 0 for table in family.spec.tables}
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        put = _sql_sink(family, folder, stack) if form == "sql" else _table_sinks(family, folder, form, stack)
        for done, made in enumerate(_in_order(family.tables, blocks, workers), 1):
            for name, rows in made.items():
                put(name, rows)
                counts[name] += rows.num_rows
            progress("rows", done=done, total=len(blocks))
    return counts


def schemas(family: Family) -> dict[str, pa.Schema]:
    """Return the Arrow schema of every table, found by making a few rows."""
    small = Family(family.spec, min(family.rows, 50), family.seed)
    found: dict[str, pa.Schema] = {}
    for block in small.blocks():
        for name, rows in small.tables(Block(block.root, 0, 0, min(block.rows, 50), block.starts)).items():
            found.setdefault(name, rows.schema)
    return found


def _table_sinks(family: Family, folder: Path, form: str, stack: ExitStack) -> Callable[[str, pa.Table], None]:
    writers = {
        name: stack.enter_context(writing_table(folder / f"{name}.{form}", form, schema))
        for name, schema in schemas(family).items()
    }
    return lambda name, rows: writers[name](rows)


def _sql_sink(family: Family, folder: Path, stack: ExitStack) -> Callable[[str, pa.Table], None]:
    file = stack.enter_context(writing_file(folder / "tables.sql"))
    found = schemas(family)
    for table in family.spec.tables:
        file.write(sql.create(table, found[table.name], family.spec).encode())

    def put(name: str, rows: pa.Table) -> None:
        file.write(sql.inserts(name, rows).encode())

    return put


def _in_order(
    task: Callable[[Block], dict[str, pa.Table]], blocks: list[Block], workers: int
) -> Iterator[dict[str, pa.Table]]:
    if workers <= 1 or len(blocks) == 1:
        yield from map(task, blocks)
        return
    # Arrow and numpy leave the interpreter's lock for most of their work, so threads are enough.
    with ThreadPoolExecutor(workers, thread_name_prefix="rules") as pool:
        waiting: deque[Future[dict[str, pa.Table]]] = deque()
        for block in blocks:
            waiting.append(pool.submit(task, block))
            if len(waiting) > 2 * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
