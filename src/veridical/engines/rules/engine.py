"""Why are rules an engine that fits nothing?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from veridical.core.contracts import RunContext
from veridical.core.dataset import Dataset
from veridical.core.errors import SpecError
from veridical.core.schema import Schema
from veridical.engines.rules.generator import RulesGenerator


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesEngine:
    """Declared rules: a rules file says it all, and no data is read."""

    generator: ClassVar[type[RulesGenerator]] = RulesGenerator

    def fit(self, data: Dataset, schema: Schema, ctx: RunContext) -> RulesGenerator:  # noqa: ARG002
        """Refuse: rules are written, not learned.

        Raises:
            SpecError: always.
        """
        raise SpecError("the engine 'rules' learns nothing", where="engine", fix="veridical rules FILE -o OUT")
