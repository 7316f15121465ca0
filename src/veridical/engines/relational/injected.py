"""Which table engine learns each table? It is handed in by its name in the catalogue: rooms do not know each other."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol, cast

import pyarrow as pa

from veridical.core.contracts import Engine, Generator
from veridical.core.errors import SpecError
from veridical.core.registry import Registry
from veridical.prepare.link import Rows

SEQUENCE = "sequence"


def table_engine(name: str) -> Engine:
    """Return the table engine of that name.

    Raises:
        SpecError: there is none, or it cannot be given what parents are like.
    """
    card = _catalogue().card(name)
    if card.modality != "table" or card.private or name == "profile":
        raise SpecError(f"{name} cannot learn linked tables", where="table_engine", fix="use tree")
    return cast(Engine, _catalogue().load(name)())


def table_generator(name: str) -> type[Generator]:
    """Return the class that opens what the table engine of that name saved."""
    engine: Any = _catalogue().load(name)
    return cast("type[Generator]", engine.generator)


def _catalogue() -> Registry:
    return cast(Registry, import_module("veridical.engines.catalog").ENGINES)


class Law(Protocol):
    """What is asked of a law of sequences (see `engines.sequence.model.Sequences`)."""

    @property
    def few(self) -> int | None:
        """How many entities there are that are kept as they are; None where they are drawn."""
        ...

    def draw(
        self, count: int, *, seed: int, given: pa.Table, lengths: Rows, times: pa.Array | None, like: Rows | None
    ) -> pa.Table:
        """Return the rows of `count` entities, each one's together and in order; they are told as `like` long."""
        ...


def sequence_engine() -> Engine:
    """Return the engine of rows that follow each other."""
    return cast(Engine, _catalogue().load(SEQUENCE)())


def sequence_generator() -> type[Generator]:
    """Return the class that opens what the engine of sequences saved."""
    engine: Any = _catalogue().load(SEQUENCE)
    return cast("type[Generator]", engine.generator)


def law_of(generator: Generator) -> Law:
    """Return the law inside a generator of sequences."""
    return cast(Law, cast(Any, generator).law)
