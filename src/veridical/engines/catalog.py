"""Which engines are there?"""

from __future__ import annotations

from veridical.core.registry import Card, Registry

_TABULAR = "veridical.engines.tabular.engines"

ENGINES = Registry(
    "veridical.engines",
    (
        Card(
            name="tree",
            target=f"{_TABULAR}:TreeEngine",
            modality="table",
            summary="sequential trees on binned columns: the default",
        ),
        Card(
            name="copula",
            target=f"{_TABULAR}:CopulaEngine",
            modality="table",
            summary="Gaussian copula: column by column, tied by correlations",
        ),
        Card(
            name="independent",
            target=f"{_TABULAR}:IndependentEngine",
            modality="table",
            summary="every column on its own: the baseline to beat",
        ),
    ),
)
