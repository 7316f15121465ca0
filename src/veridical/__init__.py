"""Synthetic data that can be trusted enough to ship."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from veridical.api import fit, go_on, learn, read, release, run, synth, synthesize, validate, verify

from veridical.core.version import VERSION

__version__ = VERSION

__all__ = [
    "__version__",
    "fit",
    "go_on",
    "learn",
    "read",
    "release",
    "run",
    "synth",
    "synthesize",
    "validate",
    "verify",
]


def __getattr__(name: str) -> Any:
    # PEP 562: the names are here, what they need is imported when one is used.
    if name.startswith("__") or name not in __all__:
        raise AttributeError(f"module 'veridical' has no attribute {name!r}")
    from veridical import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted(__all__)
