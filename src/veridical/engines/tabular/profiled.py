"""How does a shared profile become a generator, with no row of the source at hand?

Stand-in rows are drawn from the profile: numbers by its quantiles and spikes, categories by their shares, tied by its
correlations. What must not be learned anyway (keys, personal data, text) is made up. The Gaussian copula then learns
the stand-in, so that conditions, constraints and shards work as for any other generator.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import pyarrow as pa

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError
from veridical.core.profile import ColumnProfile, TableProfile
from veridical.core.schema import CATEGORY_KINDS, NUMERIC_KINDS, TEMPORAL_KINDS, Column, Kind, Role, Schema, TableSchema
from veridical.engines.tabular.copula import CopulaModel
from veridical.engines.tabular.from_profile import ProfileEngine
from veridical.engines.tabular.generator import TableGenerator, fit_table
from veridical.fabricate import column as made_up
from veridical.fabricate import pattern as made_up_pattern
from veridical.prepare.moment import MomentCodec, bounds_in
from veridical.prepare.storage import store
from veridical.prepare.violation import row_rules

_MODELLED = NUMERIC_KINDS | TEMPORAL_KINDS | CATEGORY_KINDS
_SHAPE = "AAAA-99999999"
_LEAST_KEPT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfiledEngine:
    """Generation from a profile: it is told no row, so it can copy none; relations beyond pairs are not known.

    Example:
        >>> told = ColumnProfile(name="age", rows=100, null_share=0.0, distinct=50, quantiles=(18.0, 40.0, 70.0))
        >>> profile = TableProfile(name="people", rows=100, columns=(told,))
        >>> age = Column(name="age", kind=Kind.INTEGER, storage="int64")
        >>> schema = Schema(tables=(TableSchema(name="people", columns=(age,)),))
        >>> ProfiledEngine(rows=500).of_profile(profile, schema, RunContext()).schema.only.names
        ('age',)
    """

    generator: ClassVar[type[TableGenerator]] = TableGenerator
    rows: int = 10_000  # stand-in rows
    model: CopulaModel = field(default_factory=CopulaModel)

    def fit(self, data: Dataset, schema: Schema, ctx: RunContext) -> TableGenerator:  # noqa: ARG002
        """Refuse: this engine takes a profile.

        Raises:
            SpecError: always.
        """
        raise SpecError(
            "the engine 'profile' reads no rows",
            where="engine",
            fix="veridical synth --from-profile learn/profile.json --schema learn/schema.yaml -o OUT",
        )

    def of_profile(self, profile: TableProfile, schema: Schema, ctx: RunContext) -> TableGenerator:
        """Return a generator of the schema's only table.

        Raises:
            DataError: the profile tells nothing of a column.
            ConstraintError: the constraints clash.
        """
        # Which combinations of several columns occur is not in a profile: they cannot be held to those seen.
        law = schema.only
        kept = tuple(rule for rule in law.constraints if rule.type != "fixed_combinations")
        table = replace(law, constraints=kept)
        rows = self._stand_in(profile, table, ctx.rng("profile", "rows"))
        # What a profile shows is carried by enough records already: nothing in the stand-in is rare.
        open_schema = replace(schema, tables=(table,), rare_below=1)
        fitted = fit_table("copula", self.model, Dataset.of(rows, law.name), open_schema, ctx)
        return replace(fitted, full_schema=replace(schema, tables=(table,)))

    def _stand_in(self, profile: TableProfile, table: TableSchema, rng: np.random.Generator) -> pa.Table:
        told = {column.name: column for column in profile.columns}
        derived = {rule.columns[0] for rule in table.constraints if rule.type == "formula"}
        here = [column for column in table.columns if column.role is not Role.DROP]
        modelled = [
            c for c in here if c.kind in _MODELLED and c.name not in derived and not _is_empty(told.get(c.name))
        ]
        drawn = ProfileEngine().sampler(profile, modelled).draw(self.rows, rng) if modelled else None
        arrays: dict[str, pa.Array] = {}
        for column in here:
            if drawn is not None and column.name in drawn.column_names:
                arrays[column.name] = _stored(drawn[column.name].combine_chunks(), column)
            elif column.kind in _MODELLED:
                arrays[column.name] = store(pa.nulls(self.rows), column.storage)
            else:
                arrays[column.name] = _made_up(column, told.get(column.name), self.rows, rng)
        return _keeping_rules(pa.table(arrays), table)


def _is_empty(told: ColumnProfile | None) -> bool:
    return told is not None and not (told.quantiles or told.categories or told.spikes)


def _stored(values: pa.Array, column: Column) -> pa.Array:
    if column.kind in TEMPORAL_KINDS:
        unit = column.resolution or "us"
        codec = MomentCodec(column, unit, False, *bounds_in(column, unit))
        null = np.asarray(values.is_null().to_numpy(zero_copy_only=False))
        return codec.stored(np.nan_to_num(_floats(values)), null)
    if column.kind in NUMERIC_KINDS and column.decimals is not None:
        numbers = np.round(_floats(values), column.decimals)
        return store(pa.array(numbers, mask=np.isnan(numbers)), column.storage)
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if column.kind is Kind.BOOLEAN and column.storage == "bool":
        values = pa.array([None if v is None else v.lower() == "true" for v in values.to_pylist()], pa.bool_())
    return store(values, column.storage)


def _floats(values: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False), dtype=np.float64)


def _made_up(column: Column, told: ColumnProfile | None, rows: int, rng: np.random.Generator) -> pa.Array:
    """Return values whose form alone is learned from."""
    if column.kind is Kind.IDENTIFIER and "int" in column.storage:
        values = pa.array(np.arange(1, rows + 1))
    elif column.kind is Kind.TEXT:
        values = made_up("sentence", locale=column.locale, rows=rows, rng=rng)
    else:
        values = made_up_pattern(column.pattern or _SHAPE, rows, rng=rng, unique=True)
    share = told.null_share if told is not None and column.nullable else 0.0
    gaps = rng.random(rows) < share
    return store(pa.array(values.to_pylist(), mask=gaps), column.storage)


def _keeping_rules(rows: pa.Table, table: TableSchema) -> pa.Table:
    """Return the rows that break no rule, where there are enough of them to learn from."""
    broken = np.zeros(rows.num_rows, dtype=bool)
    for rule in row_rules(table):
        if rule.constraint.type not in ("formula", "one_hot"):
            broken |= rule.broken(rows)
    return rows.filter(pa.array(~broken)) if int((~broken).sum()) >= _LEAST_KEPT else rows
