"""Which rules between columns does every row keep?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from veridical.core.schema import Constraint
from veridical.profile import copy, dependency, exclusion, formula, inequality, missingness, onehot
from veridical.profile.facts import Facts
from veridical.profile.sample import Sample


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules that hold in all rows, and what was noticed but is no rule."""

    constraints: tuple[Constraint, ...]
    findings: tuple[str, ...]


def rules_of(table: pa.Table, sample: Sample, facts: Sequence[Facts], *, rare_below: int) -> Rules:
    """Return the rules found in a sample and verified on all rows; each kind of search is bounded.

    Cheap kinds come first, so that what they explain is not told again by a weaker rule.
    """
    if table.num_rows < 2 * rare_below or table.num_columns < 2:
        return Rules((), ())
    copies = copy.find(table, sample)
    kept = [column for column in sample.columns if column.name not in copies.original]
    facts = [column for column in facts if column.name not in copies.original]
    table, sample = table.select([column.name for column in kept]), sample.only(kept)
    missing = missingness.find(table, facts)
    one_hot = onehot.find(table, sample)
    formulas = formula.find(table, sample)
    dependencies = dependency.find(table, sample, facts, rare_below=rare_below)
    inequalities = inequality.find(table, sample, formulas)
    excluded = exclusion.find(table, sample, known=dependencies.pairs, rare_below=rare_below)
    constraints = (
        *copies.constraints, *_not_computed(dependencies.constraints, formulas), *formulas, *inequalities.constraints,
        *one_hot, *missing.constraints, *excluded,
    )  # fmt: skip
    return Rules(constraints, (*missing.findings, *dependencies.findings, *inequalities.findings))


def _not_computed(combinations: Sequence[Constraint], formulas: Sequence[Constraint]) -> Iterator[Constraint]:
    """Yield combinations without the columns that formulas compute: those follow by themselves."""
    computed = {formula.columns[0] for formula in formulas}
    for rule in combinations:
        left = tuple(name for name in rule.columns if name not in computed)
        if len(left) > 1:
            yield replace(rule, columns=left)


def quoted(name: str) -> str:
    """Return a column's name as the constraint language spells it: plain words bare, others in backticks.

    Example:
        >>> quoted("age"), quoted("native country")
        ('age', '`native country`')
    """
    import keyword

    plain = (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and name.lower() not in ("null", "none", "true", "false", "is")
    )
    return name if plain else f"`{name}`"
