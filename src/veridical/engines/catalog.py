"""Which engines are there?"""

from __future__ import annotations

from veridical.core.registry import Card, Registry

_TABULAR = "veridical.engines.tabular.engines"
_PRIVATE = "veridical.engines.tabular.dp.engines"

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
        Card(
            name="sequence",
            target="veridical.engines.sequence.engine:SequenceEngine",
            modality="sequences",
            summary="autoregressive trees: the default where rows of one entity follow each other",
        ),
        Card(
            name="linked",
            target="veridical.engines.relational.engine:LinkedEngine",
            modality="tables",
            summary="linked tables: numbers of children first, then rows that know their parents",
        ),
        Card(
            name="profile",
            target="veridical.engines.tabular.profiled:ProfiledEngine",
            modality="table",
            summary="from a shared profile, with no row of the source: --from-profile",
        ),
        Card(
            name="rules",
            target="veridical.engines.rules.engine:RulesEngine",
            modality="tables",
            summary="declared fields, formulas and keys, with no data at all: `veridical rules`",
        ),
        Card(
            name="aim",
            target=f"{_PRIVATE}:AimEngine",
            modality="table",
            summary="noisy marginals chosen where the model is worst: the default under --epsilon",
            extra="dp",
            private=True,
        ),
        Card(
            name="mst",
            target=f"{_PRIVATE}:MstEngine",
            modality="table",
            summary="a tree of noisy pairs of columns",
            extra="dp",
            private=True,
        ),
        Card(
            name="dp-sgd",
            target="veridical.engines.tabular.neural.private:DpSgdEngine",
            modality="table",
            summary="a small autoregressive net learned from noisy gradients (DP-SGD)",
            extra="dp",
            private=True,
        ),
        Card(
            name="linked-dp",
            target="veridical.engines.tabular.dp.linked_engine:LinkedPrivateEngine",
            modality="tables",
            summary="linked tables under --epsilon: rows of a unit in every table, counted through noise",
            extra="dp",
            private=True,
        ),
        Card(
            name="dp-independent",
            target=f"{_PRIVATE}:SinglesEngine",
            modality="table",
            summary="noisy single columns: the private baseline",
            extra="dp",
            private=True,
        ),
    ),
)
