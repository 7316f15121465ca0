"""How many rows of one table stand in another, word for word?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from veridical.core.finding import Direction, Finding, not_measured

Keys = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_KINDS = 20  # different rows; with fewer, two samples may be the same by chance


def row_keys(tables: Sequence[pa.Table]) -> list[Keys]:
    """Return a 64-bit key for each row of each table: equal rows have equal keys across all of them.

    The tables hold the same columns in the same types. Keys mean nothing outside one call.

    Example:
        >>> one, two = row_keys([pa.table({"a": [1, 2]}), pa.table({"a": [2, None]})])
        >>> bool(one[1] == two[0])
        True
    """
    joined = pa.concat_tables(tables, promote_options="default")
    keys = np.zeros(joined.num_rows, np.uint64)
    for column in joined.columns:
        keys = _mixed(keys, _codes(column))
    ends = np.cumsum([table.num_rows for table in tables])[:-1]
    return [np.asarray(part) for part in np.split(keys, ends)]


def holdout_overlap(train: Keys, holdout: Keys) -> Finding:
    """Return whether more holdout rows stand in train than chance explains, with a p-value.

    Chance is measured on train itself: how often one of its rows is found among its others. Rows that repeat by
    nature (few columns, few values) so raise no alarm. Equal rows come together, so the error is counted over kinds of
    rows (a cluster-robust z-test), and Fisher's exact test must agree.
    """
    from scipy import special, stats  # heavy to load

    check = "input.holdout_overlap"
    if min(len(train), len(holdout)) < 2:
        return not_measured(check, "train or holdout has fewer than two rows", n=len(holdout))
    kinds, place = np.unique(np.concatenate([train, holdout]), return_inverse=True)
    learned = np.bincount(place[: len(train)], minlength=len(kinds))
    kept = np.bincount(place[len(train) :], minlength=len(kinds))
    found, by_chance = int(kept[learned > 0].sum()), int(learned[learned > 1].sum())
    share, chance = found / len(holdout), by_chance / len(train)
    pooled = (found + by_chance) / (len(train) + len(holdout))
    pull = kept * ((learned > 0) - pooled) / len(holdout) - learned * ((learned > 1) - pooled) / len(train)
    spread = float(np.sqrt(np.square(pull).sum()))
    robust = float(special.ndtr(-(share - chance) / spread)) if spread > 0 else 1.0
    table = [[found, len(holdout) - found], [by_chance, len(train) - by_chance]]
    return Finding(
        check=check,
        value=share,
        n=len(holdout),
        direction=Direction.LOWER,
        baseline=chance,
        p_value=max(robust, float(stats.fisher_exact(table, alternative="greater").pvalue)),
        unit="share of holdout rows",
        sentence=f"{share:.2%} of holdout rows also stand in train; {chance:.2%} would by chance.",
    )


def same_rows(train: Keys, synthetic: Keys) -> Finding:
    """Return the share of synthetic rows that are used-up train rows, each counted once (a multiset overlap).

    One means that the synthetic table *is* train, or a part of it, in any order. The ceiling is the share of train
    rows that another one equals: of a table of few kinds of rows, any sample is found in any other. Even there the very
    same rows, each as often, are no chance.
    """
    check = "input.synthetic_is_train"
    if len(synthetic) == 0 or len(train) == 0:
        return not_measured(check, "train or synthetic has no rows")
    values, counts = np.unique(train, return_counts=True)
    drawn, drawn_counts = np.unique(synthetic, return_counts=True)
    place = np.minimum(np.searchsorted(values, drawn), len(values) - 1)
    available = np.where(values[place] == drawn, counts[place], 0)
    share = float(np.minimum(available, drawn_counts).sum() / len(synthetic))
    identical = share == 1.0 and len(synthetic) == len(train) and len(values) >= _KINDS
    return Finding(
        check=check,
        value=share,
        n=len(synthetic),
        direction=Direction.LOWER,
        ceiling=0.0 if identical else float(counts[counts > 1].sum() / len(train)),
        unit="share of synthetic rows",
        sentence=f"{share:.1%} of synthetic rows are, word for word, rows of train.",
    )


def leaked_identifiers(name: str, train: pa.Array, holdout: pa.Array | None, synthetic: pa.Array) -> Finding:
    """Return whether identifiers of train come out again, more often than chance explains, with a p-value.

    Chance is how often the holdout's own values stand in train (names that many people have), or, for whole
    numbers, how densely train's fill the range that the synthetic ones span (row numbers). Each value counts once: the
    rows of one person are no draws of their own.
    """
    from scipy import stats  # heavy to load

    check = "input.leaked_identifiers"
    known = train.drop_null().unique()
    values = synthetic.drop_null().unique()
    if not len(known) or not len(values):
        return not_measured(check, "the column is empty on a side", scope=(name,))
    found = int(pc.sum(pc.is_in(values, known)).as_py() or 0)
    chance = _density(known, values)
    if holdout is not None and len(holdout.drop_null()):
        other = holdout.drop_null().unique()
        met = int(pc.sum(pc.is_in(other, known)).as_py() or 0)
        # An upper bound of the holdout's rate (rule of succession), so that a small holdout is no alarm.
        chance = max(chance, (met + 1) / (len(other) + 2))
    share = found / len(values)
    return Finding(
        check=check,
        value=share,
        n=len(values),
        direction=Direction.LOWER,
        scope=(name,),
        baseline=chance,
        p_value=float(stats.binom.sf(found - 1, len(values), min(chance, 1.0))),
        unit="share of values",
        sentence=f"{share:.2%} of the synthetic values of {name} are values of real records; by chance {chance:.2%}.",
    )


def _density(known: pa.Array, values: pa.Array) -> float:
    if not pa.types.is_integer(known.type) or not len(known):
        return 0.0
    real, ours = (np.asarray(side.to_numpy(zero_copy_only=False)) for side in (known, values))
    inside = (real >= ours.min()) & (real <= ours.max())
    return float(inside.sum() / (float(ours.max()) - float(ours.min()) + 1))


def _codes(column: pa.ChunkedArray) -> Keys:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        column = pc.add(column, pa.scalar(0.0, column.type))  # -0.0 is 0.0
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    return np.asarray(encoded.indices.to_numpy(zero_copy_only=False)).astype(np.uint64)


def _mixed(keys: Keys, codes: Keys) -> Keys:
    # splitmix64's finaliser over (key so far, code): a collision among a million rows has odds of about 3e-8.
    with np.errstate(over="ignore"):
        mixed = keys * _GOLDEN + codes + _GOLDEN
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return np.asarray(mixed ^ (mixed >> np.uint64(31)))
