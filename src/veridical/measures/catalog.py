"""Which measures are there, and where does each live?"""

from __future__ import annotations

from veridical.core.registry import Card, Registry

_ROOMS = "veridical.measures"
_CARDS = (
    ("fidelity.marginals", "fidelity.marginal:Marginals", "each column's distribution, spikes, missing, categories"),
    ("fidelity.pairs", "fidelity.pair:Pairs", "joint distributions of pairs and triples, k-marginal score"),
    ("fidelity.c2st", "fidelity.c2st:TwoSample", "can a model tell synthetic from held-out rows"),
    ("fidelity.sdmetrics", "fidelity.score:SdmetricsScore", "SDMetrics' quality score, equal to 1e-9"),
)

MEASURES = Registry(
    "veridical.measures",
    [Card(name=name, target=f"{_ROOMS}.{target}", modality="table", summary=words) for name, target, words in _CARDS],
)
