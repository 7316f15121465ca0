"""Which table engine learns each table? It is handed in by its name in the catalogue: rooms do not know each other."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from veridical.core.contracts import Engine, Generator
from veridical.core.errors import SpecError
from veridical.core.registry import Registry


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
