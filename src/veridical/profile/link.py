"""Which columns of files point to rows of another file, though nobody declared it?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.dataset import Dataset
from veridical.core.expression import parse
from veridical.core.schema import Column, Constraint, ForeignKey, Kind, Schema, TableSchema
from veridical.profile.header import words

ENOUGH = 0.6  # score from which a link is told
LEAST_CONTAINED = 0.6  # share of child rows that must have a parent
LEAST_CONTAINED_TOGETHER = 0.97  # for several columns, which agree more easily
WIDEST = 4  # columns of a composite key
_BY_VALUES, _BY_NAME = 0.8, 0.96  # how far either kind of evidence goes alone
_SURPRISE = 3.0  # chance agreement of 1 in 1,000 counts as full evidence
_COVERED, _LEAST_COVERED = 0.9, 50  # share of a table's keys that one column takes, of so many at least
_BY_COVER = 0.65  # what that speaks for
_DENSE = 0.2  # share of whole numbers taken from which an agreement says nothing
_SPACED = 0.2  # share of texts with a blank from which they are no codes
_SUFFIXES = frozenset(("id", "ids", "key", "fk", "pk", "code", "no", "nr", "num", "number", "ref", "uuid", "guid"))
_OWN = frozenset(("parent", "manager", "boss", "supervisor", "reports", "replyto", "predecessor", "previous"))
_CLASSES = ((str.isdigit, 10), (str.isupper, 26), (str.islower, 26))


@dataclass(frozen=True, slots=True)
class _Key:
    """A column that could be pointed to, or point: its distinct values, and the rows of each."""

    table: str
    column: str
    values: pa.Array
    counts: np.ndarray[tuple[int], np.dtype[np.int64]]
    rows: int  # that are not null
    whole: bool  # numbers, else text
    days: bool  # dates, as numbers
    unique: bool
    primary: bool
    is_code: bool  # what rows are called by, and no description of them


def find(dataset: Dataset, tables: Sequence[TableSchema]) -> tuple[ForeignKey, ...]:
    """Return the links between tables that values and names speak for, best first, with score and reason.

    A link needs a parent column without doubles, most child values in it (broken links are counted, not hidden),
    and evidence: names that say so, or an agreement of values that chance does not explain. Whole numbers from one
    to some hundred agree with any dense key by chance, so for them only names count.

    Example:
        >>> from veridical.profile import learn_table
        >>> people = pa.table({"id": [f"P{i:05}" for i in range(30)]})
        >>> visits = pa.table({"person_id": [f"P{i:05}" for i in range(20)] * 2})
        >>> data = Dataset({"people": people, "visits": visits})
        >>> links = find(data, [learn_table(rows, name=name)[0] for name, rows in data.tables.items()])
        >>> links[0].table, links[0].parent, links[0].broken_share
        ('visits', 'people', 0.0)
    """
    keys = [key for table in tables for key in _keys(dataset.tables[table.name], table)]
    parents = [key for key in keys if key.unique and key.is_code]
    found: dict[tuple[str, str], list[ForeignKey]] = {}
    for child in keys:
        for parent in parents:
            link = _link(child, parent)
            if link is not None:
                found.setdefault((child.table, child.column), []).append(link)
    rows = {name: table.num_rows for name, table in dataset.tables.items()}
    best = [max(links, key=lambda link: (link.confidence, rows[link.parent])) for links in found.values()]
    best += [link for child in keys if (child.table, child.column) not in found for link in _covering(child, parents)]
    best = _without_mutual(best)
    single = {(key.table, key.column) for key in parents}
    best += _composite(dataset, tables, single)
    return tuple(sorted(best, key=lambda link: -link.confidence))


def with_links(schema: Schema, dataset: Dataset) -> Schema:
    """Return the schema with the links that were found.

    A parent without a primary key gets the one pointed to; rules learned of columns that point are let go, since
    they speak of real keys' values.
    """
    links = find(dataset, schema.tables)
    pointed: dict[str, tuple[str, ...]] = {}
    for link in links:
        pointed.setdefault(link.parent, link.parent_columns)
    tables = tuple(
        table if table.primary_key or table.name not in pointed else replace(table, primary_key=pointed[table.name])
        for table in schema.tables
    )
    tables = tuple(without_key_rules(table, links) for table in tables)
    return replace(schema, tables=tables, foreign_keys=(*schema.foreign_keys, *links))


def without_key_rules(table: TableSchema, links: Sequence[ForeignKey]) -> TableSchema:
    """Return a table without the learned rules that read a column which points to another row."""
    pointing = {name for link in links if link.table == table.name for name in link.columns}
    kept = tuple(rule for rule in table.constraints if rule.source != "learned" or not pointing & _read_by(rule, table))
    return replace(table, constraints=kept)


def _read_by(rule: Constraint, table: TableSchema) -> set[str]:
    read = set(rule.columns)
    for text in (rule.when, rule.then, rule.expression):
        if text is not None:
            read |= set(parse(text, table.columns).columns)
    return read


def _keys(rows: pa.Table, table: TableSchema) -> Iterator[_Key]:
    for name in rows.column_names:
        cells = _comparable(rows.column(name))
        if cells is None or cells.null_count == len(cells):
            continue
        counted = cells.drop_null().value_counts()
        counts = counted.field("counts").to_numpy(zero_copy_only=False)
        known = len(cells) - cells.null_count
        values = counted.field("values")
        yield _Key(
            table=table.name, column=name, values=values, counts=counts, rows=known,
            whole=pa.types.is_integer(values.type), days=pa.types.is_date(rows.column(name).type),
            unique=len(values) == len(cells) and len(cells) > 1,
            primary=table.primary_key == (name,), is_code=_is_code(values, table.column(name).kind),
        )  # fmt: skip


def _is_code(values: pa.Array, kind: Kind) -> bool:
    if pa.types.is_integer(values.type):
        return True
    spaced = pc.mean(pc.match_substring(values, " ").cast(pa.int8())).as_py()
    return kind is not Kind.PERSONAL and spaced is not None and bool(spaced <= _SPACED)


def _comparable(cells: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Whole numbers and days as int64, texts as they are; other types point to nothing by themselves."""
    kind = cells.type
    if pa.types.is_dictionary(kind):
        return _comparable(cells.cast(kind.value_type))
    if pa.types.is_date(kind):
        return cells.cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
    if pa.types.is_integer(kind):
        return None if kind == pa.uint64() else cells.cast(pa.int64())
    if pa.types.is_floating(kind):
        try:
            return cells.cast(pa.int64())  # whole numbers with gaps are often kept so
        except pa.ArrowInvalid:
            return None
    return cells.cast(pa.string()) if pa.types.is_string(kind) or pa.types.is_large_string(kind) else None


def _link(child: _Key, parent: _Key) -> ForeignKey | None:
    if (child.whole, child.days) != (parent.whole, parent.days) or (child.table, child.column) == (
        parent.table,
        parent.column,
    ):
        return None
    name = _name_evidence(child, parent)
    inside = pc.is_in(child.values, parent.values).to_numpy(zero_copy_only=False)
    contained = float(child.counts[inside].sum() / child.rows)
    if contained < LEAST_CONTAINED:
        return None
    values = _value_evidence(child.values.filter(pa.array(inside)), parent.values)
    score = contained * (1 - (1 - _BY_NAME * name) * (1 - _BY_VALUES * values)) * (1.0 if parent.primary else 0.995)
    if score < ENOUGH:
        return None
    told = f"{contained:.1%} of rows have a parent"
    told += "; the names agree" if name >= 0.5 else ""
    told += "; more values agree than chance explains" if values >= 0.5 else ""
    return ForeignKey(
        table=child.table, columns=(child.column,), parent=parent.table, parent_columns=(parent.column,),
        broken_share=round(1 - contained, 6), source="learned", reason=told, confidence=round(score, 3),
    )  # fmt: skip


def _covering(child: _Key, parents: Sequence[_Key]) -> list[ForeignKey]:
    """The link of a column called a key that runs through one table's numbers from end to end, and no other's."""
    own = words(child.column)
    if not child.whole or child.days or child.unique or own[-1:] == () or own[-1] not in _SUFFIXES or not _stem(own):
        return []
    whole = [
        parent for parent in parents
        if parent.whole and not parent.days and parent.table != child.table and len(parent.values) >= _LEAST_COVERED
        and len(child.values) >= _COVERED * len(parent.values)
        and pc.all(pc.is_in(child.values, parent.values)).as_py()
    ]  # fmt: skip
    if len(whole) != 1:
        return []
    share = len(child.values) / len(whole[0].values)
    told = (
        f"100.0% of rows have a parent; called a key, it takes {share:.0%} of the parent's numbers, as no other table's"
    )
    return [
        ForeignKey(
            table=child.table, columns=(child.column,), parent=whole[0].table, parent_columns=(whole[0].column,),
            broken_share=0.0, source="learned", reason=told, confidence=_BY_COVER,
        )
    ]  # fmt: skip


def _value_evidence(agreeing: pa.Array, parent: pa.Array) -> float:
    """How far chance is from explaining that these values are among the parent's, from 0 to 1."""
    if len(agreeing) == 0:
        return 0.0
    if pa.types.is_integer(parent.type):
        span = pc.min_max(agreeing).as_py()
        low, high = span["min"], span["max"]
        near = pc.sum(pc.and_(pc.greater_equal(parent, low), pc.less_equal(parent, high))).as_py()
        density = near / (high - low + 1)
        if density > _DENSE:
            return 0.0
    else:
        density = len(parent) / _universe(parent)
    if density >= 1:
        return 0.0
    return min(1.0, -math.log10(density) * len(agreeing) / _SURPRISE)


def _universe(texts: pa.Array) -> float:
    """How many texts of this form there could be: the product of each place's kinds of letters."""
    shown = texts.slice(0, 2000).to_pylist()
    longest = max(len(text) for text in shown)
    size = 1.0
    for place in range(min(longest, 12)):
        letters = {text[place] for text in shown if len(text) > place}
        if len(letters) > 1:
            size *= sum(count for fits, count in _CLASSES if any(fits(letter) for letter in letters)) or 10
    return max(size, float(len(texts)))


def _name_evidence(child: _Key, parent: _Key) -> float:
    """How far the names speak for a link, from 0 to 1."""
    own, key = words(child.column), words(parent.column)
    stem, target = _stem(own), _singular(words(parent.table))
    if child.table == parent.table:
        return 0.85 if _OWN & set(own) else 0.0
    if stem and _singular(stem) == target:
        return 1.0
    if own == key and stem:
        return 0.9
    if stem and (_singular(stem)[-len(target) :] == target or "".join(_singular(stem)) == "".join(target)):
        return 0.85
    if own == key:
        # "id" in both: a key of its own, unless it repeats.
        return 0.0 if child.unique else 0.75
    joined, table = "".join(own), "".join(target)
    return 0.75 if len(table) > 3 and joined.startswith(table) and joined[len(table) :] in _SUFFIXES else 0.0


def _stem(parts: tuple[str, ...]) -> tuple[str, ...]:
    while parts and parts[-1] in _SUFFIXES:
        parts = parts[:-1]
    return parts


def _singular(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The words with the last one in a form that its singular and plural share."""
    if not parts:
        return parts
    last = {"people": "person", "children": "child"}.get(parts[-1], parts[-1])
    last = last[:-1] if last.endswith("s") and not last.endswith("ss") else last
    last = last[:-2] + "y" if last.endswith("ie") else last.removesuffix("e")
    return (*parts[:-1], last)


def _without_mutual(links: list[ForeignKey]) -> list[ForeignKey]:
    """Of two columns that point to each other, keep the better direction."""
    by_pair: dict[frozenset[tuple[str, str]], ForeignKey] = {}
    for link in sorted(links, key=lambda link: -link.confidence):
        ends = frozenset({(link.table, link.columns[0]), (link.parent, link.parent_columns[0])})
        by_pair.setdefault(ends, link)
    return list(by_pair.values())


def _composite(dataset: Dataset, tables: Sequence[TableSchema], single: set[tuple[str, str]]) -> Iterator[ForeignKey]:
    """Links over several columns of the same names on both sides."""
    for parent in tables:
        for child in tables:
            if child.name == parent.name:
                continue
            shared = [
                name for name in parent.names
                if name in child.names and (parent.name, name) not in single
                and _may_point(dataset.tables[parent.name], dataset.tables[child.name], parent.column(name))
            ]  # fmt: skip
            link = _composite_link(dataset.tables, child.name, parent.name, shared[:10])
            if link is not None:
                yield link


def _may_point(one: pa.Table, other: pa.Table, column: Column) -> bool:
    left, right = one.schema.field(column.name).type, other.schema.field(column.name).type
    if left != right:
        return False
    if pa.types.is_string(left) or pa.types.is_large_string(left):
        return _is_code(one.column(column.name).drop_null().unique(), column.kind)
    return bool(pa.types.is_integer(left) or pa.types.is_temporal(left))


def _composite_link(
    tables: Mapping[str, pa.Table], child: str, parent: str, shared: Sequence[str]
) -> ForeignKey | None:
    for width in range(2, min(WIDEST, len(shared)) + 1):
        for names in combinations(shared, width):
            if not _is_unique(tables[parent], names) or _is_unique(tables[child], names):
                continue
            contained = _contained(tables[child], tables[parent], names)
            score = contained * _BY_NAME
            if contained >= LEAST_CONTAINED_TOGETHER:
                return ForeignKey(
                    table=child, columns=names, parent=parent, parent_columns=names,
                    broken_share=round(1 - contained, 6), source="learned", confidence=round(score, 3),
                    reason=f"{contained:.1%} of rows have a parent; together the columns tell its rows apart",
                )  # fmt: skip
    return None


def _is_unique(rows: pa.Table, names: Sequence[str]) -> bool:
    # A slice that repeats settles it without counting everything.
    for part in (rows.slice(0, 5000), rows) if rows.num_rows > 5000 else (rows,):
        if part.group_by(list(names)).aggregate([]).num_rows < part.num_rows:
            return False
    return rows.num_rows > 1 and all(rows.column(name).null_count == 0 for name in names)


def _contained(child: pa.Table, parent: pa.Table, names: Sequence[str]) -> float:
    columns = list(names)
    counted = child.select(columns).drop_null().group_by(columns).aggregate([([], "count_all")])
    known = pc.sum(counted["count_all"]).as_py() or 0
    joined = counted.join(parent.select(columns), keys=columns, join_type="left semi")
    return (pc.sum(joined["count_all"]).as_py() or 0) / known if known else 0.0
