"""Which numeric columns are computed from others?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from veridical.core.schema import Column, Constraint, Kind
from veridical.profile import transform
from veridical.profile.facts import Floats
from veridical.profile.header import words
from veridical.profile.sample import Sample, numbers_for

MOST_COLUMNS = 40
PROBES = 96  # rows that a candidate must fit before it is tried on more
LEAST_ROWS = 40
WRITTEN = 15  # significant digits that R and spreadsheets write
_SUMS = frozenset(("total", "sum", "gross", "amount", "amt", "net", "subtotal", "overall", "balance", "합계", "총액"))


@dataclass(frozen=True, slots=True)
class _Candidate:
    target: str
    parts: tuple[str, ...]
    expression: str
    operator: str


def find(table: pa.Table, sample: Sample) -> list[Constraint]:
    """Return formulas (sums, differences, products, ratios, logarithms, units) that hold in every row, after rounding.

    Each column is computed at most once, and never from what is computed from it.

    Example:
        >>> from veridical.profile.table import learn_table
        >>> rng = np.random.default_rng(0)
        >>> price, quantity = rng.integers(100, 9999, 300) / 100, rng.integers(2, 9, 300)
        >>> table = pa.table({"price": price, "quantity": quantity, "total": np.round(price * quantity, 2)})
        >>> learn_table(table, name="t")[0].constraints[0].expression
        'price * quantity'
    """
    numeric = [c for c in sample.columns if c.kind in (Kind.INTEGER, Kind.DECIMAL)]
    columns = [c for c in numeric if _usable(sample, c.name)][:MOST_COLUMNS]
    if len(columns) < 2:
        return []
    by_name = {column.name: column for column in columns}
    singles = {column.name: _single_unit(sample, column) for column in columns}
    units = {column.name: max(_half_unit(column), singles[column.name]) for column in columns}
    found: list[Constraint] = []
    derived: dict[str, set[str]] = {}
    used: set[frozenset[str]] = set()
    for candidate in sorted(_candidates(sample, columns, units), key=_rank(columns)):
        if frozenset((candidate.target, *candidate.parts)) in used:
            continue
        for form in [*_as_product(candidate, by_name), candidate]:
            roots = set(form.parts).union(*(derived.get(part, set()) for part in form.parts))
            if form.target in derived or form.target in roots:
                continue
            tolerance = {each: _tolerance(by_name, units, each) for each in (candidate, form)}
            tables = (sample.table, table)
            if all(_holds(rows, by_name, each, slack) for rows in tables for each, slack in tolerance.items()):
                derived[form.target] = roots
                used.add(frozenset((form.target, *form.parts)))
                expression = _as_stored(sample, by_name[form.target], form.expression, single=singles[form.target] > 0)
                found.append(_constraint(form.target, expression, tolerance[form]))
                break
    return found


def _constraint(target: str, expression: str, tolerance: float) -> Constraint:
    return Constraint(
        type="formula", columns=(target,), expression=expression, tolerance=tolerance,
        source="learned", reason=f"holds in all rows within {tolerance:g}", confidence=0.95,
    )  # fmt: skip


def _as_stored(sample: Sample, column: Column, expression: str, *, single: bool) -> str:
    """Return the expression rounded as its column was: to float32, to the digits it was written with."""
    values = sample.numbers(column.name)
    if column.decimals is not None or values is None:
        return expression
    known = values[np.isfinite(values)]
    if single:
        expression = f"single({expression})"
        if np.array_equal(known, known.astype(np.float32).astype(np.float64)):
            return expression
    written = all(float(f"{value:.{WRITTEN}g}") == value for value in known[:PROBES].tolist())
    return f"signif({expression}, {WRITTEN})" if written else expression


def _as_product(candidate: _Candidate, columns: Mapping[str, Column]) -> Iterator[_Candidate]:
    """Yield a ratio turned round, where what is divided stands last: it was made from the others, and rounded.

    Computed as a ratio of two columns drawn on their own, the third would reach far beyond what was seen of it.
    """
    if candidate.operator != "ratio":
        return
    names, (over, under) = list(columns), candidate.parts
    if names.index(over) > max(names.index(under), names.index(candidate.target)):
        expression = f"{_q(candidate.target)} * {_q(under)}"
        yield _Candidate(over, (candidate.target, under), expression, "rounded product")


def _usable(sample: Sample, name: str) -> bool:
    values = sample.numbers(name)
    return values is not None and np.unique(values[~np.isnan(values)]).size >= 4


def _rank(columns: Sequence[Column]) -> Callable[[_Candidate], tuple[int, int, int, int]]:
    """First what is named a total, then what is finer than its only source, what stands last, the plainer operator."""
    place = {column.name: index for index, column in enumerate(columns)}
    operators = ("square", "log", "line", "product", "sum", "many", "difference", "ratio")

    digits = {column.name: 99 if column.decimals is None else column.decimals for column in columns}

    def rank(candidate: _Candidate) -> tuple[int, int, int, int]:
        operator = operators.index(candidate.operator)
        named = bool(_SUMS & set(words(candidate.target)))
        last = place[candidate.target] > max(place[part] for part in candidate.parts)
        finer = len(candidate.parts) == 1 and digits[candidate.target] > digits[candidate.parts[0]]
        return (-named, -finer, -last, operator)

    return rank


def _candidates(sample: Sample, columns: Sequence[Column], units: Mapping[str, float]) -> Iterator[_Candidate]:
    values = np.array([sample.numbers(column.name) for column in columns])
    names = [column.name for column in columns]
    digits = np.array([units[column.name] for column in columns])
    spread = np.nanstd(values, axis=1)
    # Rows where most columns are known and not zero tell most.
    worth = np.sum(~np.isnan(values) & (values != 0), axis=0)
    probes = values[:, np.argsort(-worth, kind="stable")[: 4 * PROBES : 4]]
    slack = digits * 1.01 + 1e-9 * spread
    for found in transform.candidates(probes, names, [_q(name) for name in names], slack):
        yield _Candidate(found.target, (found.source,), found.expression, found.operator)
    for target in range(len(names)):
        yield from _pairs(probes, names, target, float(slack[target]))
    yield from _many(values, names, digits)


def _pairs(probes: Floats, names: Sequence[str], target: int, slack: float) -> Iterator[_Candidate]:
    a = probes[target]
    with np.errstate(divide="ignore", invalid="ignore"):
        for i in range(len(names)):
            if i == target:
                continue
            x = probes[i]
            later = np.delete(np.arange(len(names)), [target, i])
            tables = (
                ("sum", " + ", x + probes, later > i),
                ("product", " * ", x * probes, later > i),
                ("difference", " - ", x - probes, later >= 0),
                ("ratio", " / ", x / probes, later >= 0),
            )
            for operator, sign, computed, once in tables:
                wrong = np.abs(computed - a) > slack + 1e-9 * np.abs(a)
                known = np.isfinite(computed) & np.isfinite(a)
                live = known & (x != 0) & (probes != 0) & (a != 0)
                fits = ~np.any(wrong & known, axis=1) & (live.sum(axis=1) >= 12)
                for j in later[once][fits[later[once]]]:
                    expression = f"{_q(names[i])}{sign}{_q(names[j])}"
                    yield _Candidate(names[target], (names[i], names[j]), expression, operator)


def _many(values: Floats, names: Sequence[str], digits: Floats) -> Iterator[_Candidate]:
    """Sums and differences of three columns or more: least squares whose coefficients are all -1, 0 or 1."""
    known = ~np.isnan(values).any(axis=0)
    if known.sum() < 20 * len(names) or len(names) < 4:
        return
    rows = values[:, known][:, :400]
    for target in range(len(names)):
        others = np.delete(np.arange(len(names)), target)
        design = rows[others].T
        solution, _, rank, _ = np.linalg.lstsq(design, rows[target], rcond=None)
        whole = np.rint(solution)
        chosen = np.flatnonzero(whole)
        near = np.all(np.abs(solution - whole) < 0.02) and np.all(np.abs(whole) <= 1)
        if rank < len(others) or not near or len(chosen) < 3 or np.all(whole[chosen] < 0):
            continue
        if np.max(np.abs(design @ whole - rows[target])) > digits[target] * len(chosen):
            continue
        terms = sorted(chosen, key=lambda k: (whole[k] < 0, k))
        text = "".join(f"{' + ' if whole[k] > 0 else ' - '}{_q(names[others[k]])}" for k in terms).removeprefix(" + ")
        yield _Candidate(names[target], tuple(names[others[k]] for k in terms), text, "many")


def _half_unit(column: Column) -> float:
    return 0.5 * 10.0 ** -(column.decimals if column.decimals is not None else 9)


def _single_unit(sample: Sample, column: Column) -> float:
    """Return what float32 leaves of numbers that once were such (statistics packages store them so), else 0."""
    values = sample.numbers(column.name)
    if column.decimals is not None or values is None:
        return 0.0
    known = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        once = len(known) and np.allclose(known, known.astype(np.float32), rtol=1e-14, atol=0)
    return transform.SINGLE * float(np.max(np.abs(known))) if once else 0.0


def _tolerance(columns: Mapping[str, Column], units: Mapping[str, float], candidate: _Candidate) -> float:
    # A whole number that comes out only by rounding (count = total / price) is an accident, not a formula.
    target = columns[candidate.target]
    if target.decimals == 0:
        return 0.0
    slack = units[target.name] * 1.01
    if candidate.operator == "rounded product":
        # The factors were rounded too: each one's error is as large as the other factor makes it.
        one, two = (columns[part] for part in candidate.parts)
        slack += _reach(one) * _rounding(two) + _reach(two) * _rounding(one)
    return slack


def _rounding(column: Column) -> float:
    return 0.0 if column.decimals == 0 else _half_unit(column)


def _reach(column: Column) -> float:
    return max((abs(float(end)) for end in (column.low, column.high) if isinstance(end, int | float)), default=0.0)


def _holds(table: pa.Table, columns: Mapping[str, Column], candidate: _Candidate, tolerance: float) -> bool:
    from veridical.core.expression import parse

    target = numbers_for(table.column(candidate.target), columns[candidate.target])
    computed = parse(candidate.expression, list(candidate.parts)).evaluate(table)
    if target is None:
        return False
    right = np.asarray(computed.cast(pa.float64()).to_numpy(zero_copy_only=False))
    known = np.isfinite(right) & np.isfinite(target)
    if not np.array_equal(np.isnan(target), np.isnan(right)) and known.mean() < 0.5:
        return False
    wrong = np.abs(right[known] - target[known]) > tolerance + 1e-9 * np.abs(target[known])
    varied = np.unique(target[known]).size >= 4
    return known.sum() >= LEAST_ROWS and varied and not bool(np.any(wrong))


def _q(name: str) -> str:
    from veridical.profile.rules import quoted

    return quoted(name)
