"""What must an engine, a generator, a measure, an attack and an executor be able to do?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from veridical.core import rng as random_streams
from veridical.core.errors import SpecError

if TYPE_CHECKING:
    # For annotations only: a text run shares `RunContext` and asks its first question before numpy is needed.
    import numpy as np
    import pyarrow as pa

    from veridical.core.dataset import Dataset
    from veridical.core.finding import Finding
    from veridical.core.schema import Column, Schema


class Progress(Protocol):
    """Told how far a long step is; never told a value of the data."""

    def __call__(self, step: str, *, done: int, total: int) -> None: ...


def silent(step: str, *, done: int, total: int) -> None:
    """A progress that says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What every step of a run shares: the seed, the workers it may use, and whom to tell.

    Example:
        >>> RunContext(seed=3).rng("model", "tree").integers(10) == RunContext(seed=3).rng("model", "tree").integers(10)
        np.True_
    """

    seed: int = 0
    workers: int = 1
    progress: Progress = silent

    def rng(self, *path: str | int) -> np.random.Generator:
        """Return the random stream of one place in the run."""
        return random_streams.stream(self.seed, *path)


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `index` of `count` of a request: rows `start` to `start + rows` of the whole output."""

    index: int
    count: int
    start: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What one column may hold in a conditional request: a set of values, a range, and whether null.

    Values and bounds are in the column's own terms (Python scalars). `None` means no limit.
    """

    values: tuple[Any, ...] | None = None
    low: Any = None
    high: Any = None
    low_open: bool = False
    high_open: bool = False
    nulls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRequest:
    """What is asked of a generator.

    `rows` counts rows of the whole output (for linked tables: of the root tables, by `scale`). `context`
    holds one row per output row: columns of role CONTEXT, plus any modelled columns whose values are
    given (imputation: null cells are then generated, known ones kept). `where` is an expression in the
    constraint language that every row satisfies. `balance` asks for class shares of one column;
    `boost` multiplies the share of tails and rare cells (output rows carry a label column).
    """

    rows: int
    seed: int = 0
    context: pa.Table | None = None
    where: str | None = None
    balance: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    boost: Mapping[str, float] = field(default_factory=dict)
    scale: float = 1.0
    entities: int | None = None  # of sequences: how many entities, each with as many rows as its law says

    def rng(self, shard: Shard, *path: str | int) -> np.random.Generator:
        """Return the random stream of one shard (never of one worker)."""
        return random_streams.stream(self.seed, "synthesize", *path, shard.index)

    def check_linked(self, shard: Shard) -> None:
        """Refuse what linked tables cannot be asked for: they are drawn as a whole, and without conditions.

        Raises:
            SpecError: the request has a condition, a scale of nothing, or is cut into shards.
        """
        if shard.count != 1:
            raise SpecError("linked tables cannot be drawn in parts", where="shards", fix="ask for one shard")
        for name in ("where", "balance", "boost", "context"):
            if getattr(self, name):
                fix = "draw them, then cut what you want"
                raise SpecError(f"linked tables do not take {name}", where=name, fix=fix)
        if not self.scale > 0:
            raise SpecError(f"a scale of {self.scale}", where="scale", fix="give a number above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyEvent:
    """One charged (or publicly declared) look at the data; interpreted by accountants, never by engines.

    `mechanism` is "gaussian", "discrete_gaussian", "laplace", "exponential", "stability", "dpsgd",
    "public" (a person's word) or "noted" (follows from charged looks). `parameters` holds what the accountant needs
    ("sigma", "epsilon", "sensitivity", "steps", "sampling_rate" ...). `what` says in words what was looked at.
    """

    what: str
    mechanism: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    count: int = 1


@runtime_checkable
class Generator(Protocol):
    """Fitted and immutable. Its folder is JSON + Arrow: opening one never runs code."""

    @property
    def schema(self) -> Schema: ...

    @property
    def spent(self) -> Sequence[PrivacyEvent]: ...

    def sample(self, request: SampleRequest, shard: Shard) -> Dataset: ...

    def save(self, folder: Path) -> None: ...

    @classmethod
    def load(cls, folder: Path) -> Self: ...


@runtime_checkable
class Engine(Protocol):
    """A recipe: a frozen dataclass that holds options only. Name and fields are its provenance."""

    def fit(self, data: Dataset, schema: Schema, ctx: RunContext) -> Generator: ...


@runtime_checkable
class Sampler(Protocol):
    """What a table engine learns of prepared columns, which are numeric or categorical only.

    Prepared tables (see `prepare`) hold int64 or float64 columns and dictionary<int32, string> columns,
    each with nulls; `columns` lists those generated, in the table's order, context left out.
    """

    @property
    def columns(self) -> Sequence[Column]: ...

    def draw(
        self,
        rows: int,
        rng: np.random.Generator,
        *,
        given: pa.Table | None = None,
        allowed: Mapping[str, Allowed] | None = None,
    ) -> pa.Table:
        """Return `rows` rows.

        `given` holds whole columns, one value a row: context columns and any modelled ones that are fixed
        (kept as they are, the others drawn conditional on them). `allowed` limits columns for all rows
        alike; every row returned satisfies it.
        """
        ...

    def save(self, folder: Path) -> None: ...

    @classmethod
    def load(cls, folder: Path) -> Self: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a measure or an attack may look at.

    `train` was learned from, `holdout` is real and was not; `synthetic` is judged. `holdout` is None when
    nobody kept one back. All share `schema`. `target`, `protected` and `unit` are in the table schemas.
    """

    train: Dataset
    synthetic: Dataset
    schema: Schema
    holdout: Dataset | None = None


@runtime_checkable
class Measure(Protocol):
    """A frozen dataclass of options that turns evidence into figures."""

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]: ...


@runtime_checkable
class Attack(Protocol):
    """A frozen dataclass of options; its findings always give attack, baseline and control."""

    def run(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]: ...


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one shard: a JSON-like value, small (data itself goes to disk)."""

    shard: Shard
    value: Any


Task = Callable[[Shard], Any]


@runtime_checkable
class Executor(Protocol):
    """Runs a task on every shard, in any order; a task is picklable by reference (a module-level callable)."""

    def run(self, task: Task, shards: Sequence[Shard]) -> Iterator[Result]: ...


@runtime_checkable
class Stepper(Protocol):
    """Draws one step of many rows from plain arrays: what sequences ask of a table engine, thousands of times.

    Arrays hold float64, with nan for null; a category is its place in the vocabulary the stepper was made with.
    """

    @property
    def needed(self) -> Sequence[str]:
        """The given columns that are read; others may be left out."""
        ...

    def step(
        self, given: Mapping[str, np.ndarray[Any, np.dtype[np.float64]]], rows: int, rng: np.random.Generator
    ) -> Mapping[str, np.ndarray[Any, np.dtype[np.float64]]]:
        """Return the generated columns of `rows` rows."""
        ...


@runtime_checkable
class StepModel(Protocol):
    """A table model that fits prepared columns and gives steppers; injected into engines that go step by step."""

    def fit(self, table: pa.Table, columns: Sequence[Column], ctx: RunContext, *, rare_below: int) -> Sampler: ...

    def open(self, folder: Path) -> Sampler: ...

    def stepper(self, sampler: Sampler, vocabularies: Mapping[str, Sequence[str]]) -> Stepper: ...
