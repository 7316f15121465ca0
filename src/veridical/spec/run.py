"""What may stand in the YAML file of a run, and what is wrong with it, on which line?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from veridical.core.errors import SpecError
from veridical.spec.gates import Waiver
from veridical.spec.marks import Document, Problems, read

_COUNT = re.compile(r"\s*([0-9][0-9_,]*(?:\.[0-9]+)?(?:[eE]\+?[0-9]{1,2})?)\s*([kKmMbBgG]?)\s*$")
_SCALES = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "g": 10**9}
MAX_ROWS = 10**12
RowsPerUnit = int | str | Mapping[str, int | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """All that a run from a source to a release is told."""

    source: Path
    output: Path
    table: str | None = None
    schema: Path | None = None
    target: str | None = None  # the column a model would predict
    holdout: float | Path = 0.2
    rows: int | None = None  # None: as many as the source has
    entities: int | None = None  # of sequences: how many, each with as many rows as its law says
    engine: str = "tree"
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    workers: int | None = None  # None: as many as there are cores
    format: Literal["parquet", "csv", "jsonl"] = "parquet"
    where: str | None = None
    balance: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    boost: Mapping[str, float] = field(default_factory=dict)
    gates: str = "share"
    waivers: tuple[Waiver, ...] = ()
    release: bool = True
    licence: str = ""
    epsilon: float | None = None  # a promise of differential privacy, for adding or removing one unit
    delta: float = 1e-6
    unit: str | None = None  # the column that tells people apart
    rows_per_unit: RowsPerUnit = 1  # "auto": chosen by a charged look; by table where several are linked
    project: str | None = None  # sources that share one privacy budget


def read_count(text: str | int | float) -> int:
    """Return a count as people write one.

    Raises:
        ValueError: it is not a whole number of 1 or more.

    Example:
        >>> [read_count(text) for text in ("1e6", "10_000", "5k", "2.5M", 7)]
        [1000000, 10000, 5000, 2500000, 7]
    """
    if isinstance(text, bool):
        raise ValueError(f"{text} is no count of rows; write 50000, 10_000, 5k, 2M or 1e6")
    found = _COUNT.match(str(text))
    if found is None:
        raise ValueError(f"{str(text)[:40]!r} is no count of rows; write 50000, 10_000, 5k, 2M or 1e6")
    number = float(found[1].replace("_", "").replace(",", "")) * _SCALES[found[2].lower()]
    if number != int(number) or not 1 <= number <= MAX_ROWS:
        raise ValueError(f"{str(text)[:40]!r} is not a whole number from 1 to 10**12")
    return int(number)


def read_rows_per_unit(value: Any) -> RowsPerUnit:
    """Return how many rows of one unit are used: a number, "auto", or either by table.

    Raises:
        ValueError: it is none of these.

    Example:
        >>> read_rows_per_unit("3"), read_rows_per_unit("auto"), read_rows_per_unit("visits=5,labs=auto")
        (3, 'auto', {'visits': 5, 'labs': 'auto'})
    """
    if isinstance(value, Mapping):
        return {str(table): _one_bound(most) for table, most in value.items()}
    if isinstance(value, str) and "=" in value:
        pairs = [part.partition("=") for part in value.split(",")]
        return {table.strip(): _one_bound(most) for table, _, most in pairs}
    return _one_bound(value)


def _one_bound(value: Any) -> int | str:
    text = str(value).strip()
    if text == "auto":
        return text
    if isinstance(value, bool) or not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(f"{text[:40]!r} is no number of rows: write 1 or more, auto, or visits=5,labs=auto")
    return int(text)


def _engine(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class _Strict(BaseModel):
    # Built when first used: most commands read one kind of file.
    model_config = ConfigDict(extra="forbid", defer_build=True, str_strip_whitespace=True)


class _Engine(_Strict):
    name: str = "tree"
    options: dict[str, Any] = Field(default_factory=dict)


class _Waive(_Strict):
    check: str = Field(min_length=1)
    by: str = Field(min_length=1)
    because: str = Field(min_length=1)
    scope: list[str] = Field(default_factory=list)


class _RunFile(_Strict):
    source: str = Field(min_length=1)
    output: str = "out"
    table: str | None = None
    target: str | None = None
    schema_: str | None = Field(default=None, alias="schema")
    holdout: Annotated[float, Field(ge=0, le=0.9)] | str = 0.2
    rows: Annotated[int, BeforeValidator(read_count)] | None = None
    entities: Annotated[int, BeforeValidator(read_count)] | None = None
    engine: Annotated[_Engine, BeforeValidator(_engine)] = Field(default_factory=_Engine)
    seed: int = Field(default=0, ge=0, lt=2**63)
    workers: int | None = Field(default=None, ge=1, le=4096)
    format: Literal["parquet", "csv", "jsonl"] = "parquet"
    where: str | None = None
    balance: dict[str, dict[str, float]] = Field(default_factory=dict)
    boost: dict[str, float] = Field(default_factory=dict)
    gates: str = "share"
    waivers: list[_Waive] = Field(default_factory=list)
    release: bool = True
    licence: str = ""
    epsilon: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    delta: float = Field(default=1e-6, gt=0, lt=0.01)
    unit: str | None = None
    rows_per_unit: Annotated[Any, BeforeValidator(read_rows_per_unit)] = 1
    project: str | None = None


def read_run(path: Path) -> RunSpec:
    """Return the run that a YAML file declares; its paths are taken from where the file lies.

    Raises:
        SpecError: anything in it is wrong; all problems are told at once, each with its line.
    """
    return parse_run(read(path), beside=path.parent)


def parse_run(document: Document, *, beside: Path) -> RunSpec:
    """Return the run that a YAML document declares.

    Raises:
        SpecError: anything in it is wrong; all problems are told at once, each with its line.

    Example:
        >>> from veridical.spec.marks import load
        >>> parse_run(load("source: sqlite:///shop.db\\nrows: 5k"), beside=Path("/data")).rows
        5000
    """
    problems = Problems(document)
    if not isinstance(document.value, dict):
        raise SpecError("the file declares no run", where=document.name, fix="write at least `source: customers.csv`")
    try:
        file = _RunFile.model_validate(document.value)
    except ValidationError as wrong:
        _explain(wrong, problems)
        _note_missing_files(document.value, beside, problems)
        problems.check()
        raise AssertionError("a validation error names at least one problem") from wrong
    _note_missing_files(document.value, beside, problems)
    problems.check()
    return _spec(file, beside)


def _explain(wrong: ValidationError, problems: Problems) -> None:
    fields = [item.alias or name for name, item in _RunFile.model_fields.items()]
    told: set[tuple[Any, ...]] = set()
    for error in wrong.errors():
        place = tuple(
            part for part in error["loc"] if not str(part).startswith(("constrained-", "float", "str", "int"))
        )
        if place in told:
            continue  # one value, refused by each member of a union
        told.add(place)
        name = ".".join(str(part) for part in place)
        if error["type"] == "extra_forbidden":
            fix = f"the parts are {', '.join(fields)}" if len(place) == 1 else None
            problems.add(f"there is no part {name!r}", *place, fix=fix)
        elif error["type"] == "missing":
            problems.add(f"{name} is missing", *place[:-1], fix=f"add `{place[-1]}:`")
        else:
            message = error["msg"].removeprefix("Value error, ")
            problems.add(f"{name}: {message[0].lower()}{message[1:]}", *place)


def _note_missing_files(value: Mapping[str, Any], beside: Path, problems: Problems) -> None:
    for name in ("source", "schema", "holdout"):
        given = value.get(name)
        if isinstance(given, str) and "://" not in given and not (beside / given).exists():
            problems.add(f"{name}: there is no file {given!r}", name, fix=f"paths are taken from {beside}")


def _spec(file: _RunFile, beside: Path) -> RunSpec:
    waivers = tuple(Waiver(check=w.check, by=w.by, because=w.because, scope=tuple(w.scope)) for w in file.waivers)
    gates = beside / file.gates if file.gates.endswith((".yaml", ".yml")) else file.gates
    return RunSpec(
        source=beside / file.source,
        output=beside / file.output,
        table=file.table,
        target=file.target,
        schema=None if file.schema_ is None else beside / file.schema_,
        holdout=beside / file.holdout if isinstance(file.holdout, str) else file.holdout,
        rows=file.rows,
        entities=file.entities,
        engine=file.engine.name,
        options=file.engine.options,
        seed=file.seed,
        workers=file.workers,
        format=file.format,
        where=file.where,
        balance=file.balance,
        boost=file.boost,
        gates=str(gates),
        waivers=waivers,
        release=file.release,
        licence=file.licence,
        epsilon=file.epsilon,
        delta=file.delta,
        unit=file.unit,
        rows_per_unit=file.rows_per_unit,
        project=file.project,
    )
