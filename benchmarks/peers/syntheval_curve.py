"""syntheval's quick figures for many pairs of tables in one process: its slow ones take minutes each."""

import json
import sys
from pathlib import Path

import pandas as pd
from syntheval import SynthEval

QUICK = {
    "dwm": {},
    "corr_diff": {"mixed_corr": True},
    "ks_test": {"sig_lvl": 0.05, "n_perms": 100},
    "h_dist": {},
    "p_mse": {"k_folds": 5, "max_iter": 100, "solver": "liblinear"},
    "dcr": {},
    "hit_rate": {"thres_percent": 0.0333},
}


def filled(frame, names):
    """Return the frame without missing values, which syntheval refuses."""
    frame = frame.copy()
    for name in frame:
        if frame[name].isna().any():
            frame[name] = frame[name].fillna("missing" if name in names else frame[name].median())
    return frame


job = json.loads(Path(sys.argv[1]).read_text())
found = []
for case in job["cases"]:
    train, holdout, synthetic = (pd.read_parquet(case[side]) for side in ("train", "holdout", "synthetic"))
    names = [name for name in train if not pd.api.types.is_numeric_dtype(train[name])]
    sides = [filled(frame, names) for frame in (train, holdout, synthetic)]
    try:
        judge = SynthEval(sides[0], holdout_dataframe=sides[1], cat_cols=names, verbose=False)
        result = judge.evaluate(sides[2], analysis_target_var=job["target"], **QUICK).reset_index()
        figures = {str(row["metric"]): float(row["val"]) for _, row in result.iterrows() if row["val"] == row["val"]}
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        ArithmeticError,
    ) as failed:  # what it cannot read it cannot judge: told as such
        figures = {"error": str(failed)[:200]}
    found.append(figures)
Path(job["answer"]).write_text(json.dumps({"figures": found}))
