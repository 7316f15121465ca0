"""Which table engines may a user name?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.schema import Schema
from veridical.engines.tabular.copula import CopulaModel
from veridical.engines.tabular.generator import TableGenerator, fit_table
from veridical.engines.tabular.independent import IndependentModel
from veridical.engines.tabular.tree.model import TreeModel


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEngine:
    """Sequential trees: each column is drawn from a tree on the columns before it; the default."""

    generator: ClassVar[type[TableGenerator]] = TableGenerator
    model: TreeModel = field(default_factory=TreeModel)

    def fit(self, data: Dataset, schema: Schema, ctx: RunContext) -> TableGenerator:
        """Return a generator of the only table (see `fit_table` for what is raised)."""
        return fit_table("tree", self.model, data, schema, ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopulaEngine:
    """Gaussian copula: each column's own distribution, tied together by one correlation matrix."""

    generator: ClassVar[type[TableGenerator]] = TableGenerator
    model: CopulaModel = field(default_factory=CopulaModel)

    def fit(self, data: Dataset, schema: Schema, ctx: RunContext) -> TableGenerator:
        """Return a generator of the only table (see `fit_table` for what is raised)."""
        return fit_table("copula", self.model, data, schema, ctx)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndependentEngine:
    """Every column on its own: the baseline to beat.

    Example:
        >>> import pyarrow as pa
        >>> from veridical.core.contracts import SampleRequest, Shard
        >>> from veridical.core.schema import Column, Kind, TableSchema
        >>> ages = TableSchema(name="data", columns=(Column(name="age", kind=Kind.INTEGER, storage="int64"),))
        >>> data = Dataset.of(pa.table({"age": list(range(20, 60))}))
        >>> fitted = IndependentEngine().fit(data, Schema(tables=(ages,)), RunContext())
        >>> old = fitted.sample(SampleRequest(rows=50, where="age >= 50"), Shard(0, 1, 0, 50)).only
        >>> min(old["age"].to_pylist()) >= 50
        True
    """

    generator: ClassVar[type[TableGenerator]] = TableGenerator
    model: IndependentModel = field(default_factory=IndependentModel)

    def fit(self, data: Dataset, schema: Schema, ctx: RunContext) -> TableGenerator:
        """Return a generator of the only table (see `fit_table` for what is raised)."""
        return fit_table("independent", self.model, data, schema, ctx)
