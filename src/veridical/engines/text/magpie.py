"""What would a user say? An aligned model tells, when only the template before a user's turn is given.

Xu et al. 2024, "Magpie": instructions at temperature 1 from the pre-query template alone, answers at temperature 0.
Needs a server that takes raw prompts (the embedded model, llama.cpp, vLLM).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from veridical.core.errors import SpecError
from veridical.curate.setting import configured
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail, identity_of

_CHATML = "<|im_start|>"
TEMPLATES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    # what stands before the system's words, what stands between them and the user's, where the user's turn ends
    "chatml": (f"{_CHATML}system\n", f"<|im_end|>\n{_CHATML}user\n", ("<|im_end|>", _CHATML)),
    "llama3": (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n",
        "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
        ("<|eot_id|>", "<|end_of_text|>"),
    ),
    "gemma": ("<bos>", "<start_of_turn>user\n", ("<end_of_turn>",)),
    "mistral": ("<s>", "[INST]", ("[/INST]",)),
}
_TAGS = """Look at this instruction that a user gave to an assistant.

{instruction}

Tell its quality (very poor, poor, average, good, excellent), its difficulty (very easy, easy, medium, hard, very \
hard) and its category in one or two words."""


@configured
@dataclass(frozen=True, kw_only=True)
class Magpie:
    """An instruction that the model makes up, and its answer.

    `template` names a chat format ("chatml" for SmolLM2 and Qwen), `system` sets the scene (a domain, a language).
    `tags` "on" asks for quality, difficulty and category.
    """

    template: str = "chatml"
    system: str = "You are a helpful AI assistant."
    tags: str = "off"
    sampling: Sampling = Sampling(temperature=1.0, max_tokens=256)  # noqa: RUF009 - frozen
    answering: Sampling = Sampling(temperature=0.0, max_tokens=1024)  # noqa: RUF009 - frozen
    seed: int = 0

    def __post_init__(self) -> None:
        if self.template not in TEMPLATES:
            raise SpecError(
                f"no template is called {self.template!r}", where="recipe.magpie", fix=f"use {', '.join(TEMPLATES)}"
            )

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that decides what is asked."""
        return identity_of(self, "magpie")

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What quotas may count: nothing: the model speaks as it likes."""
        return ()

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the task's number: nothing else differs from task to task."""
        return {"task": number, **wanted}

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Let the model speak as a user, then answer."""
        trail = Trail.of(spec, ask, seed=self.seed)
        before, between, stop = TEMPLATES[self.template]
        reply = await trail.go_on("instruction", f"{before}{self.system}{between}", self.sampling, stop=stop)
        instruction = reply.text.strip()
        if unusable(reply) or not instruction:
            return [trail.broken(reply)]
        answer = await trail.say("answer", instruction, self.answering, system=self.system)
        if unusable(answer):
            return [trail.broken(answer)]
        fields = {"instruction": instruction, "input": "", "output": answer.text.strip()}
        if self.tags == "on":
            question = _TAGS.format(instruction=instruction)
            tags = await trail.fill("tags", question, ("quality", "difficulty", "category"), Sampling(temperature=0.0))
            fields |= {} if isinstance(tags, Candidate) else tags
        return [trail.record(fields)]
