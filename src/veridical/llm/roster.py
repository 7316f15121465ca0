"""Who answers for each role of a run?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from veridical.core.errors import SpecError
from veridical.llm.chat import ChatModel
from veridical.llm.limits import Limits
from veridical.llm.session import Endpoint
from veridical.spec.text import ModelSpec

BATCH_WINDOW = 10_000  # questions that may wait for their batches at once


def roster(models: Mapping[str, tuple[ModelSpec, ...]]) -> dict[str, list[Endpoint]]:
    """Return the endpoints of every role; equal models of several roles share one endpoint and its limits.

    Raises:
        VeridicalError: a model cannot be opened.
    """
    opened: dict[str, Endpoint] = {}
    return {role: [opened.setdefault(repr(spec), endpoint(spec)) for spec in specs] for role, specs in models.items()}


def endpoint(spec: ModelSpec) -> Endpoint:
    """Return one model with its window; nothing is sent yet.

    Raises:
        VeridicalError: the model cannot be opened.
    """
    # Wide from the start: a server that cannot take so much says so, and the window shrinks by as much at once.
    defaults: dict[str, Any] = {"start_window": 256}
    if spec.provider == "embedded":
        defaults = {"start_window": 64, "patience": None}  # its queue is ours: giving up would only lengthen it
    if spec.batch:
        defaults = {"start_window": BATCH_WINDOW, "largest_window": BATCH_WINDOW, "patience": None}
    return Endpoint(_batched(spec) if spec.batch else _model(spec), Limits(**{**defaults, **spec.limits}))


def _batched(spec: ModelSpec) -> ChatModel:
    from veridical.llm.batch import BatchModel

    options = dict(spec.options)
    waits: dict[str, Any] = {name: options.pop(name) for name in ("gather_s", "poll_s") if name in options}
    model: Any = _model(ModelSpec(provider=spec.provider, options=options))
    return BatchModel(model=model, **waits)


def _model(spec: ModelSpec) -> ChatModel:
    options = dict(spec.options)
    if spec.provider == "openai_compatible":
        from veridical.llm.providers.openai_compatible import OpenAICompatible

        return OpenAICompatible(**options)
    if spec.provider == "anthropic":
        from veridical.llm.providers.anthropic import Anthropic

        return Anthropic(**options)
    if spec.provider == "embedded":
        from veridical.llm.providers.embedded import Embedded

        return Embedded(**options)
    if spec.provider == "scripted":
        from veridical.llm.providers.scripted import from_transcript

        return from_transcript(options["transcript"])
    raise SpecError(f"nothing is called {spec.provider!r}", where="provider", fix="see the docs for the providers")
