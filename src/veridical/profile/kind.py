"""What does a column mean: a quantity, a time, a category, a key, or something about a person?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from veridical.core.schema import Column, Kind
from veridical.profile import header, number, scale, temporal
from veridical.profile.facts import Facts
from veridical.profile.wording import recognise

FEW = 20  # as many distinct numbers may be a code
MANY_CODES = 1000
YEARS = (1500, 2100)
MOST_SPARSE = 2.0  # numbers for each row, in what counts the rows


@dataclass(frozen=True, slots=True)
class Seen:
    """A column as it is guessed, and what was noticed beside."""

    column: Column
    findings: tuple[str, ...] = ()
    spikes: tuple[tuple[float, float], ...] = ()


def guess(facts: Facts, *, storage: str, rare_below: int) -> Seen:
    """Return what a column means, with the reason; only values that k rows carry are shown.

    Example:
        >>> from veridical.profile.facts import column_facts
        >>> sex = column_facts(pa.field("sex", pa.string()), pa.chunked_array([["F", "M"] * 10]))
        >>> guess(sex, storage="string", rare_below=5).column.categories
        ('F', 'M')
    """
    kind = facts.type
    if facts.valid == 0:
        seen = Seen(Column(name=facts.name, kind=Kind.CATEGORY, categories=(), reason="every value is missing"))
    elif pa.types.is_boolean(kind):
        seen = Seen(_category(facts, Kind.BOOLEAN, rare_below, "true and false", 1.0, order=("false", "true")))
    elif pa.types.is_temporal(kind):
        seen = _temporal(facts, rare_below)
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        seen = _number(facts, rare_below)
    else:
        known = recognise(facts, rare_below)
        seen = Seen(known) if known is not None else _text(facts, rare_below)
    column = _finished(seen.column, facts, storage)
    return Seen(column, (*facts.notes, *seen.findings), seen.spikes)


def _finished(column: Column, facts: Facts, storage: str) -> Column:
    unique = column.unique or (
        facts.is_unique and column.kind in (Kind.IDENTIFIER, Kind.PERSONAL) and facts.distinct >= 10
    )
    return replace(column, storage=storage, nullable=facts.nulls > 0, unique=unique)


def _category(
    facts: Facts, kind: Kind, rare_below: int, reason: str, confidence: float, *, order: tuple[str, ...] | None = None
) -> Column:
    common = [text for text, _ in facts.common(rare_below)]
    if order is not None:
        common = [text for text in order if text in set(common)]
    hidden = facts.distinct - len(common)
    if hidden:
        reason += f"; {hidden:,} carried by fewer than {rare_below} rows are not listed"
    return Column(name=facts.name, kind=kind, categories=tuple(common), reason=reason, confidence=confidence)


def _number(facts: Facts, rare_below: int) -> Seen:
    numbers, counts = facts.numbers, facts.number_counts
    whole = bool(np.all(numbers == np.rint(numbers)))
    if whole and facts.distinct == 2 and set(numbers) == {0.0, 1.0}:
        return Seen(_category(facts, Kind.BOOLEAN, rare_below, "only 0 and 1", 0.95, order=tuple(_as_written(facts))))
    if whole:
        key = _key(facts)
        if key is not None:
            return Seen(key)
        code = _code(facts, rare_below)
        if code is not None:
            return Seen(code)
    grid = number.grid_of(numbers, single=pa.types.is_float32(facts.type))
    if whole:
        grid = number.Grid(0, grid.step)
    bounds = number.bounds_of(numbers, counts, rare_below=rare_below, decimals=grid.decimals)
    spikes = number.spikes_of(numbers, counts, rare_below=rare_below)
    kind = Kind.INTEGER if whole else Kind.DECIMAL
    digits = f"{grid.decimals} digits after the point" if grid.decimals else "no grid: any value between"
    reason = "whole numbers" if whole else digits
    if grid.step is not None:
        reason += f", all multiples of {grid.step:g}"
    column = Column(
        name=facts.name, kind=kind, low=_plain(bounds.low, whole), high=_plain(bounds.high, whole),
        decimals=grid.decimals, step=grid.step, reason=f"{reason}; bounds are rounded outward", confidence=0.95,
    )  # fmt: skip
    return Seen(column, number.findings_of(facts, rare_below=rare_below, spikes=spikes), spikes)


def _plain(value: float, whole: bool) -> float:
    return int(value) if whole else value


def _as_written(facts: Facts) -> list[str]:
    return [text for _, text in sorted(zip(facts.values.to_pylist(), facts.texts, strict=True))]


def _key(facts: Facts) -> Column | None:
    """A number is a key when its header says so and it is (nearly) unique, or when it just counts the rows."""
    numbers = facts.numbers
    share = facts.distinct / facts.valid
    says = header.says_id(facts.name, strongly=True)
    personal = header.personal_type(facts.name)
    if personal in ("phone", "card", "national_id", "iban") and numbers[0] >= 1e6 and share > 0.5:
        return Column(
            name=facts.name, kind=Kind.PERSONAL, personal=personal, reason="the header says so", confidence=0.9
        )
    if facts.is_unique and says:
        consecutive = facts.valid >= FEW and bool(numbers[-1] - numbers[0] == len(numbers) - 1)
        order = "numbered without gaps" if consecutive else "unique"
        return Column(name=facts.name, kind=Kind.IDENTIFIER, unique=True, reason=f"a key: {order}", confidence=0.99)
    if _counts_rows(facts):
        return Column(
            name=facts.name, kind=Kind.IDENTIFIER, unique=True, reason="a key: it numbers the rows", confidence=0.9
        )
    if says and facts.distinct > max(FEW, min(MANY_CODES, 0.02 * facts.valid)):
        reason = f"the header says key, {facts.distinct:,} of them repeat over {facts.valid:,} rows"
        return Column(name=facts.name, kind=Kind.IDENTIFIER, reason=reason, confidence=0.8)
    return None


def _counts_rows(facts: Facts) -> bool:
    """Whether numbers count the rows: they go up row by row, with gaps where rows were kept back or left out.

    Numbers in no order are ranks or measures, unless the header is one that tools give to row numbers.
    """
    numbers = facts.numbers
    if not facts.is_unique or facts.nulls or header.is_quantity(facts.name):
        return False
    unnamed = facts.position == 0 and any("had no name" in note for note in facts.notes)
    if header.counts_rows(facts.name) or unnamed:
        return True
    years = numbers[0] >= YEARS[0] and numbers[-1] <= YEARS[1]
    gaps = np.diff(numbers)
    dense = bool(numbers[-1] - numbers[0] < MOST_SPARSE * len(numbers) and np.any(gaps == 1))
    return facts.rises and facts.valid >= FEW and dense and not years and not header.is_clock(facts.name)


def _code(facts: Facts, rare_below: int) -> Column | None:
    plain = header.says_plain_code(facts.name)
    most = MANY_CODES if plain or header.says_id(facts.name, strongly=True) else 60
    enough = plain or facts.valid >= 5 * facts.distinct
    if (
        not enough
        or facts.distinct > most
        or not (header.says_code(facts.name) or header.says_id(facts.name, strongly=True))
    ):
        return _two_codes(facts, rare_below)
    if header.is_quantity(facts.name) or facts.numbers[0] < -9:
        return None
    reason = f"{facts.distinct} whole numbers, and the header speaks of a code"
    return _category(facts, Kind.CATEGORY, rare_below, reason, 0.8, order=tuple(_as_written(facts)))


def _two_codes(facts: Facts, rare_below: int) -> Column | None:
    """Two whole numbers (1 and 2, -1 and 1) name two classes; so do the few numbers of a target."""
    target = header.target_rank(facts.name) is not None and facts.distinct <= FEW
    pair = facts.distinct == 2 and facts.valid >= FEW and set(facts.numbers) in ({1.0, 2.0}, {-1.0, 1.0})
    if not (pair or target) or facts.valid < 5 * facts.distinct:
        return None
    reason = "two whole numbers that name classes" if pair else "the header speaks of what is predicted"
    return _category(facts, Kind.CATEGORY, rare_below, reason, 0.7, order=tuple(_as_written(facts)))


def _temporal(facts: Facts, rare_below: int) -> Seen:
    kind, unit = facts.type, getattr(facts.type, "unit", None)
    if pa.types.is_duration(kind) or pa.types.is_time(kind):
        meaning = Kind.DURATION if pa.types.is_duration(kind) else Kind.TIME
        low = high = None
        if meaning is Kind.DURATION:
            bounds = number.bounds_of(facts.numbers, facts.number_counts, rare_below=rare_below, decimals=0)
            low, high = bounds.low, bounds.high
        reason = f"stored as {kind}"
        return Seen(Column(name=facts.name, kind=meaning, low=low, high=high, resolution=unit, reason=reason))
    return Seen(_dated(facts, unit))


def _dated(facts: Facts, unit: str | None) -> Column:
    kind = facts.type
    micros = facts.values.cast(pa.timestamp("us"), safe=False).cast(pa.int64()).to_numpy(zero_copy_only=False)
    if unit == "ns" and bool(np.any(facts.values.cast(pa.int64()).to_numpy() % 1000)):
        resolution = "ns"
    else:
        resolution = temporal.resolution_of(micros)
    low, high = temporal.outward(int(micros.min()), int(micros.max()))
    date = pa.types.is_date(kind) or (resolution == "day" and facts.distinct > 1)
    return Column(
        name=facts.name, kind=Kind.DATE if date else Kind.DATETIME, low=low, high=high, resolution=resolution,
        timezone=getattr(kind, "tz", None), reason=f"stored as {kind}; bounds are rounded outward",
    )  # fmt: skip


def _text(facts: Facts, rare_below: int) -> Seen:
    texts = facts.texts
    pair = scale.yes_no(texts)
    if pair is not None:
        return Seen(_category(facts, Kind.BOOLEAN, rare_below, "two spellings of yes and no", 0.95, order=pair))
    found = temporal.find(facts)
    order = scale.in_order(texts) if found is None else None
    if order is not None:
        return Seen(
            _category(facts, Kind.ORDINAL, rare_below, "steps of a known scale, in its order", 0.9, order=order)
        )
    if found is None:
        reason = f"{facts.distinct:,} distinct texts over {facts.valid:,} rows"
        return Seen(_category(facts, Kind.CATEGORY, rare_below, reason, 0.9))
    low, high = temporal.outward(int(found.micros.min()), int(found.micros.max()))
    dated = found.kind is not Kind.TIME
    return Seen(
        Column(
            name=facts.name, kind=found.kind, low=low if dated else None, high=high if dated else None,
            datetime_format=found.format, timezone=found.timezone, resolution=found.resolution, reason=found.reason,
            confidence=found.confidence,
        )
    )  # fmt: skip
