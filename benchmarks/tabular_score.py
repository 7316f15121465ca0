"""How good is a synthetic table, by figures that favour nobody?

Scored with the field's own libraries (SDMetrics, LightGBM, scikit-learn), never with veridical's measures. All
figures are against held-out rows that no generator saw.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

SEED = 7


def aligned(frame: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """Return a peer's output with the columns and kinds of the real table (numbers, categories, dates as numbers)."""
    out = {}
    for name in like.columns:
        values = frame[name]
        if pd.api.types.is_datetime64_any_dtype(like[name]):
            stamps = values if pd.api.types.is_numeric_dtype(values) else pd.to_datetime(values, errors="coerce")
            numbers = pd.Series(stamps).astype("int64") if not pd.api.types.is_numeric_dtype(stamps) else stamps
            out[name] = numbers.astype(float)
        elif is_numeric(like[name]):
            out[name] = pd.to_numeric(values, errors="coerce").astype(float)
        else:
            text = values.astype("string")
            # Peers write missing categories in several ways; a number's text may carry ".0".
            out[name] = text.str.replace(r"\.0$", "", regex=True).replace({"(missing)": pd.NA, "nan": pd.NA})
    return pd.DataFrame(out).reset_index(drop=True)


def is_numeric(values: pd.Series) -> bool:
    """Whether a column is scored as a number."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def coded(frames: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return frames with categories as pandas codes on common levels."""
    first = frames[0]
    out = [frame.copy() for frame in frames]
    for name in first.columns:
        if not is_numeric(first[name]):
            levels = sorted(set().union(*(set(frame[name].dropna().unique()) for frame in frames)))
            for frame in out:
                frame[name] = pd.Categorical(frame[name], categories=levels)
    return out


def c2st_auc(synthetic: pd.DataFrame, holdout: pd.DataFrame) -> float:
    """Return the out-of-fold AUC of a boosted tree that tells synthetic from holdout rows; 0.5 is best."""
    from lightgbm import LGBMClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import cross_val_predict

    n = min(len(synthetic), len(holdout))
    real, fake = coded([holdout.sample(n, random_state=SEED), synthetic.sample(n, random_state=SEED)])
    rows = pd.concat([real, fake], ignore_index=True)
    labels = np.repeat([0, 1], n)
    order = np.random.default_rng(SEED).permutation(2 * n)
    model = LGBMClassifier(n_estimators=150, num_leaves=31, learning_rate=0.08, verbose=-1, n_jobs=2, seed=SEED)
    scores = cross_val_predict(model, rows.iloc[order], labels[order], cv=3, method="predict_proba")[:, 1]
    return float(roc_auc_score(labels[order], scores))


def tstr_auc(train: pd.DataFrame, holdout: pd.DataFrame, target: str) -> float:
    """Return the AUC (classes) or R2 (numbers) on held-out rows of a boosted tree trained on `train`."""
    from lightgbm import LGBMClassifier, LGBMRegressor
    from sklearn.metrics import r2_score, roc_auc_score

    learn, test = coded([train, holdout])
    learn, test = learn[learn[target].notna()], test[test[target].notna()]
    x, y = learn.drop(columns=target), learn[target]
    options: dict[str, Any] = {"n_estimators": 150, "learning_rate": 0.08, "verbose": -1, "n_jobs": 2, "seed": SEED}
    if is_numeric(y) and y.nunique() > 10:
        model = LGBMRegressor(**options).fit(x, y)
        return float(r2_score(test[target], model.predict(test.drop(columns=target))))
    y, truth = y.astype(str), test[target].astype(str)
    if y.nunique() < 2:
        return 0.5
    model = LGBMClassifier(**options).fit(x, y)
    scores = pd.DataFrame(model.predict_proba(test.drop(columns=target)), columns=model.classes_)
    levels = sorted(set(truth))
    scores = scores.reindex(columns=levels, fill_value=0.0)
    if len(levels) == 2:
        return float(roc_auc_score(truth == levels[1], scores[levels[1]]))
    return float(np.mean([roc_auc_score(truth == level, scores[level]) for level in levels]))


def redrawn_auc(train: pd.DataFrame, holdout: pd.DataFrame, target: str, draws: int = 3) -> float | None:
    """Return `tstr_auc` of real rows whose classes were drawn anew from a boosted model of them; None for a number.

    It is what a generator whose other columns are perfect can reach: classes drawn from what was learned of them are
    learned a second time, with a second loss.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier

    if is_numeric(train[target]) and train[target].nunique() > 10:
        return None
    (known,) = coded([train[train[target].notna()].reset_index(drop=True)])
    x = np.column_stack(
        [known[c].cat.codes if known[c].dtype == "category" else known[c] for c in known if c != target]
    ).astype(float)
    learner = HistGradientBoostingClassifier(
        max_iter=300, learning_rate=0.05, early_stopping=True, min_samples_leaf=50, max_leaf_nodes=8, random_state=SEED
    )
    values = known[target].astype(object).to_numpy()
    model = learner.fit(x, values.astype(str))
    spelled = {str(value): value for value in values}
    classes = np.array([spelled[name] for name in model.classes_], dtype=object)
    shares = model.predict_proba(x).cumsum(axis=1)
    found = []
    for draw in range(draws):
        uniform = np.random.default_rng(draw).random((len(x), 1))
        drawn = classes[np.minimum((shares < uniform).sum(axis=1), len(classes) - 1)]
        made = train[train[target].notna()].reset_index(drop=True)
        made[target] = pd.Series(drawn).astype(train[target].dtype)
        found.append(tstr_auc(made, holdout, target))
    return float(np.mean(found))


def sdmetrics_score(synthetic: pd.DataFrame, holdout_like: pd.DataFrame) -> float:
    """Return the SDMetrics quality score against the training rows."""
    from sdmetrics.reports.single_table import QualityReport

    kinds = {n: {"sdtype": "numerical" if is_numeric(holdout_like[n]) else "categorical"} for n in holdout_like}
    report = QualityReport()
    report.generate(
        holdout_like.astype({n: object for n in holdout_like if not is_numeric(holdout_like[n])}),
        synthetic.astype({n: object for n in holdout_like if not is_numeric(holdout_like[n])}),
        {"columns": kinds},
        verbose=False,
    )
    return float(report.get_score())


def pair_tvd(synthetic: pd.DataFrame, holdout: pd.DataFrame, bins: int = 10) -> float:
    """Return the mean total variation distance over all pairs of columns, numbers in `bins` quantile bins."""
    codes = []
    for name in holdout.columns:
        if is_numeric(holdout[name]):
            edges = np.unique(holdout[name].quantile(np.linspace(0, 1, bins + 1)[1:-1]))
            pair = [np.where(f[name].isna(), len(edges) + 1, np.searchsorted(edges, f[name], side="right"))
                    for f in (holdout, synthetic)]  # fmt: skip
        else:
            levels = {v: i for i, v in enumerate(holdout[name].value_counts().index[:50])}
            pair = [f[name].map(levels).fillna(len(levels)).astype(int).to_numpy() for f in (holdout, synthetic)]
        codes.append((*pair, int(max(pair[0].max(), pair[1].max())) + 1))
    distances = []
    for i, (real_a, fake_a, _) in enumerate(codes):
        for real_b, fake_b, width in codes[i + 1 :]:
            size = int(max(real_a.max(), fake_a.max()) + 1) * width
            real = np.bincount(real_a * width + real_b, minlength=size) / len(real_a)
            fake = np.bincount(fake_a * width + fake_b, minlength=size) / len(fake_a)
            distances.append(0.5 * np.abs(real - fake).sum())
    return float(np.mean(distances))


def _units(frames: list[pd.DataFrame]) -> list[np.ndarray[Any, Any]]:
    out = []
    for name in frames[0].columns:
        if is_numeric(frames[0][name]):
            low, high = frames[0][name].min(), frames[0][name].max()
            span = high - low if high > low else 1.0
            out.append([((f[name].fillna(low - span) - low) / span).to_numpy(np.float32)[:, None] for f in frames])
        else:
            both = coded([f[[name]] for f in frames])
            width = len(both[0][name].cat.categories) + 1
            out.append([np.eye(width, dtype=np.float32)[f[name].cat.codes] * np.float32(0.7071) for f in both])
    return [np.hstack([column[i] for column in out]) for i in range(len(frames))]


def dcr_share(train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, queries: int = 4000) -> float:
    """Return the share of synthetic rows nearer to train than to an equal number of holdout rows; ties count half."""
    from sklearn.neighbors import NearestNeighbors

    shares = []
    asked = synthetic.sample(min(queries, len(synthetic)), random_state=SEED)
    parts = max(1, len(train) // len(holdout))
    order = np.random.default_rng(SEED).permutation(len(train))
    for part in range(min(parts, 4)):  # several equal-sized parts of train, not one
        near = train.iloc[order[part * len(holdout) : (part + 1) * len(holdout)]]
        a, b, q = _units([near, holdout, asked])
        to_train = NearestNeighbors(n_neighbors=1).fit(a).kneighbors(q)[0][:, 0]
        to_holdout = NearestNeighbors(n_neighbors=1).fit(b).kneighbors(q)[0][:, 0]
        tied = np.isclose(to_train, to_holdout, atol=1e-6)
        shares.append(float(np.mean((to_train < to_holdout) & ~tied) + 0.5 * np.mean(tied)))
    return float(np.mean(shares))


def copy_share(train: pd.DataFrame, synthetic: pd.DataFrame) -> float:
    """Return the share of synthetic rows that stand in train, to the letter."""
    keys = [pd.util.hash_pandas_object(f.astype("string"), index=False) for f in (train, synthetic)]
    return float(keys[1].isin(set(keys[0])).mean())


def score(train: pd.DataFrame, holdout: pd.DataFrame, synthetic: pd.DataFrame, target: str) -> dict[str, float]:
    """Return every figure of one synthetic table."""
    real_train, real_test = aligned(train, train), aligned(holdout, train)
    fake = aligned(synthetic, train)
    return {
        "sdmetrics": sdmetrics_score(fake, real_train),
        "c2st_auc": c2st_auc(fake, real_test),
        "pair_tvd": pair_tvd(fake, real_test),
        "tstr": tstr_auc(fake, real_test, target),
        "dcr_share": dcr_share(real_train, real_test, fake),
        "copies": copy_share(real_train, fake),
    }
