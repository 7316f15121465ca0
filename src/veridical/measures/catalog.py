"""Which measures are there, and where does each live?"""

from __future__ import annotations

from veridical.core.registry import Card, Registry

_ROOMS = "veridical.measures"
_CARDS = (
    ("fidelity.marginals", "fidelity.marginal:Marginals", "each column's distribution, spikes, missing, categories"),
    ("fidelity.pairs", "fidelity.pair:Pairs", "joint distributions of pairs and triples, k-marginal score"),
    ("fidelity.c2st", "fidelity.c2st:TwoSample", "can a model tell synthetic from held-out rows"),
    ("fidelity.associations", "fidelity.association:Associations", "correlations of mixed types"),
    ("fidelity.conditionals", "fidelity.conditional:Conditionals", "the target given each other column"),
    ("fidelity.mmd", "fidelity.mmd:Discrepancy", "all columns at once, by a kernel"),
    ("fidelity.diagnosis", "fidelity.diagnosis:Diagnosis", "which columns and pairs give synthetic rows away"),
    ("fidelity.sdmetrics", "fidelity.score:SdmetricsScore", "SDMetrics' quality score, equal to 1e-9"),
    ("utility.train_test", "utility.train_test:TrainTest", "train on synthetic, test on real, beside real on real"),
    ("utility.ablation", "utility.ablation:Ablation", "real, synthetic, and both, at several ratios"),
    ("utility.importance", "utility.importance:Importance", "agreement on which columns matter"),
    ("utility.queries", "utility.query:Queries", "random counting queries"),
    ("utility.inference", "utility.inference:Inference", "overlap of regression coefficients"),
    ("diversity.tails", "diversity.tail:Tails", "tails of numbers, rare categories"),
    ("diversity.lost", "diversity.lost:LostCategories", "categories that real rows surely have and that are gone"),
    ("diversity.support", "diversity.support:Support", "coverage, precision, recall, authenticity"),
    ("diversity.collapse", "diversity.collapse:Collapse", "repeated rows, lost kinds of rows, Vendi"),
    ("fairness.representation", "fairness.representation:Representation", "shares and label rates of groups"),
    ("fairness.parity", "fairness.parity:Parity", "parity and equalised odds of a model from synthetic rows"),
    ("validity.ranges", "validity.range:Ranges", "values beyond the real ones, or off their grid"),
    ("validity.rules", "validity.rule:Rules", "the schema's constraints and keys"),
    ("validity.dependencies", "validity.dependency:Dependencies", "functional dependencies and formulas of train"),
    ("sequence.dynamics", "sequence.dynamics:Dynamics", "how sequences last, pause, repeat, drift and move together"),
    ("sequence.telling", "sequence.telling:Telling", "discriminative and predictive scores of sequences"),
    ("validity.row_order", "validity.order:RowOrder", "whether a row's place in the file tells its content"),
)

MEASURES = Registry(
    "veridical.measures",
    [Card(name=name, target=f"{_ROOMS}.{target}", modality="table", summary=words) for name, target, words in _CARDS],
)
