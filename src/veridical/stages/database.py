"""How does the spine begin and end in a database?"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from veridical import fabricate
from veridical.connect import database
from veridical.connect.database import Database, Structure, Written, look
from veridical.connect.database.structure import Family, SqlTable
from veridical.connect.database.trial import trial
from veridical.core.contracts import Progress, RunContext, silent
from veridical.core.dataset import Dataset
from veridical.core.errors import ArtifactError, SpecError
from veridical.core.profile import TableProfile
from veridical.core.schema import CATEGORY_KINDS, Column, Constraint, Kind, Schema, TableSchema
from veridical.engines.seed.form import forms_of, matches
from veridical.engines.seed.maker import Seeded, SeedRequest, make, overlaid
from veridical.spec import schema_yaml
from veridical.stages import learn as learning
from veridical.stages.learn import Learned

STRUCTURE_FILE = "database.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedDatabase:
    """What was learned of a database: its rows, the schema with what it enforces, its own declarations."""

    dataset: Dataset
    learned: Learned
    structure: Structure


def learn(
    url: str, ctx: RunContext | None = None, *, folder: Path | None = None, rare_below: int = 5,
    include_views: bool = False,
) -> LearnedDatabase:  # fmt: skip
    """Return what is in a database: meanings learned from rows, and law by what the database enforces.

    With a folder, `learn/database.json` holds the declarations beside schema and profile; neither holds the URL's
    user or password.

    Raises:
        VeridicalError: the database cannot be reached or read.
    """
    ctx = RunContext() if ctx is None else ctx
    found = database.read(url, include_views=include_views, progress=ctx.progress)
    learned = learn_rows(found, ctx, rare_below=rare_below)
    if folder is not None:
        from veridical.store.runfolder import write_json

        learning.save(learned, folder)
        write_json(folder / learning.STAGE / STRUCTURE_FILE, found.structure.to_dict())
    return LearnedDatabase(dataset=found.dataset, learned=learned, structure=found.structure)


def note_structure(folder: Path, structure: Structure) -> None:
    """Keep a database's declarations in a folder whose schema is given already."""
    from veridical.store.runfolder import write_json

    (folder / learning.STAGE).mkdir(parents=True, exist_ok=True)
    write_json(folder / learning.STAGE / STRUCTURE_FILE, structure.to_dict())


def learn_rows(found: Database, ctx: RunContext, *, rare_below: int = 5) -> Learned:
    """Return what a database's rows say, under what its declarations say."""
    from veridical.profile import learn_table
    from veridical.profile.link import without_key_rules
    from veridical.profile.linked_rule import with_linked_rules

    tables = []
    profiles: dict[str, TableProfile] = {}
    for declared in found.schema.tables:
        rows = found.dataset.tables[declared.name]
        if rows.num_rows == 0:
            tables.append(declared)
            profiles[declared.name] = TableProfile(name=declared.name, rows=0, columns=())
            continue
        guessed, profile = learn_table(rows, name=declared.name, rare_below=rare_below, ctx=ctx)
        known = formed(merged(guessed, declared), found.structure.table(declared.name), found.structure.dialect)
        tables.append(without_key_rules(known, found.schema.foreign_keys))
        profiles[declared.name] = profile
    whole = replace(found.schema, tables=tuple(tables), rare_below=rare_below)
    return Learned(with_linked_rules(whole, found.dataset), profiles)


def merged(guessed: TableSchema, declared: TableSchema) -> TableSchema:
    """Return the meaning that rows showed, within what the database enforces."""
    columns = tuple(_merged(guessed.column(own.name), own) for own in declared.columns)
    ruled = {_place(rule) for rule in declared.constraints}
    learned = tuple(rule for rule in guessed.constraints if _place(rule) not in ruled)
    return replace(
        guessed, columns=columns, primary_key=declared.primary_key or guessed.primary_key,
        constraints=(*declared.constraints, *learned),
    )  # fmt: skip


def formed(schema: TableSchema, table: SqlTable, dialect: str) -> TableSchema:
    """Return a table whose texts come out in the form that their types and conditions ask for.

    What is listed as a category keeps its values; other addresses, ranges, arrays, documents are made up in form.
    """
    links = {name for link in table.links for name in link.columns}
    asked = forms_of(table.checks, table.names)
    columns = []
    for column in schema.columns:
        kind = table.column(column.name).type
        listed = column.kind in CATEGORY_KINDS and bool(column.categories)
        personal, pattern = look.personal_of(kind), look.pattern_of(kind, dialect)
        if column.name in links or listed or column.pattern is not None:
            pass
        elif personal is not None or pattern is not None:
            why = f"{column.reason}; made up in the form of {kind.text}".removeprefix("; ")
            whole = Kind.IDENTIFIER if personal is None and not column.nullable and column.unique else Kind.PERSONAL
            column = replace(column, kind=whole, categories=None, personal=personal, pattern=pattern, reason=why)
        elif column.kind in (Kind.TEXT, Kind.IDENTIFIER) and kind.family is Family.TEXT:
            column = replace(column, pattern=_makeable(asked.get(column.name, ())))
        columns.append(column)
    return replace(schema, columns=tuple(columns))


def _makeable(forms: tuple[str, ...]) -> str | None:
    """The first expression that texts can be made of, so that all of them hold."""
    for form in forms:
        pattern = form.removeprefix("^").removesuffix("$")
        try:
            texts = fabricate.pattern(pattern, 20, rng=np.random.default_rng(0))
        except SpecError:
            continue
        if matches(texts, forms):
            return pattern
    return None


def _place(rule: Constraint) -> tuple[str, tuple[str, ...]]:
    return rule.type, rule.columns


def _merged(guessed: Column, own: Column) -> Column:
    if own.kind is Kind.IDENTIFIER and guessed.kind is not Kind.IDENTIFIER:
        # Keys are made fresh, whatever their values look like; how moments are written is kept.
        form, zone = guessed.datetime_format, guessed.timezone
        return replace(own, decimals=None, resolution=guessed.resolution, datetime_format=form, timezone=zone)
    kept = replace(guessed, nullable=own.nullable, unique=own.unique or guessed.unique, storage=own.storage)
    if own.categories is not None:
        kind = Kind.ORDINAL if guessed.kind is Kind.ORDINAL else own.kind
        kept = replace(kept, kind=kind, categories=own.categories, public=True, low=None, high=None, personal=None)
    return kept


def structure_in(folder: Path) -> Structure | None:
    """Return the declarations that `learn` put into a folder; None where the source was no database.

    Raises:
        ArtifactError: the file is damaged.
    """
    path = folder / learning.STAGE / STRUCTURE_FILE
    if not path.exists():
        return None
    try:
        return Structure.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError as wrong:
        raise ArtifactError("the file is damaged", where=str(path), fix="learn the database again") from wrong


def write(
    url: str, structure: Structure, dataset: Dataset, *, replace_tables: bool = False, progress: Progress = silent
) -> Written:
    """Write synthetic tables into an empty database with the declarations of the real one, all or nothing.

    Texts longer than their column takes are cut first: made-up values may be longer than real ones.

    Raises:
        VeridicalError: the target is not empty or not reachable, or rows break a constraint.
    """
    return database.write(url, structure, fit(dataset, structure), replace=replace_tables, progress=progress)


def fit(dataset: Dataset, structure: Structure) -> Dataset:
    """Return tables whose texts are within the lengths that their columns declare."""
    import pyarrow.compute as pc

    fitted: dict[str, pa.Table] = {}
    known = {table.name: table for table in structure.tables}
    for name, rows in dataset.tables.items():
        for column in known[name].columns if name in known else ():
            longest = column.type.length
            if longest is None or column.name not in rows.column_names:
                continue
            cells = rows.column(column.name)
            if pa.types.is_string(cells.type) and (pc.max(pc.utf8_length(cells)).as_py() or 0) > longest:
                cut = pc.utf8_slice_codeunits(cells, 0, longest)
                rows = rows.set_column(rows.column_names.index(column.name), column.name, cut)
        fitted[name] = rows
    return Dataset(fitted)


def seed(
    url: str, request: SeedRequest, *, schema: Schema | Path | None = None, progress: Progress = silent
) -> tuple[Seeded, Written]:
    """Fill a database's empty tables with made-up rows that keep all it declares; no real data is looked at.

    `schema`, or the schema.yaml it names, says more of columns than the database does: meanings, ranges, categories,
    patterns, rules across tables.

    Raises:
        DataError: a table holds rows, or the database refuses one.
        ConstraintError: the declarations leave no value.
        ProviderError: the server is absent, refuses or breaks off; nothing is kept.
    """
    from veridical.connect.database.schema import schema_of

    structure = database.read_structure(url)
    declared = schema_of(structure)
    said = schema_yaml.read(schema, law=declared) if isinstance(schema, Path) else schema
    known = declared if said is None else overlaid(declared, said)
    with trial(url) as opened:
        seeded = make(known, request, structure, trial=opened, progress=progress)
    return seeded, database.fill(url, seeded.dataset, progress=progress)
