"""The seeds in another language, with a measure of how much of the meaning came across."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from veridical.curate.sentence import embed
from veridical.curate.setting import configured
from veridical.llm.candidate import Ask, Candidate
from veridical.llm.draw import need_seeds
from veridical.llm.seeded import Seeded
from veridical.llm.structured import unusable
from veridical.llm.trail import Sampling, Trail

_TRANSLATE = """Translate this text into {language}. Write as a native speaker would, not word by word; keep names, \
numbers and code as they are; {manner}. Write only the translation.

{text}"""
_BACK = """Translate this text into {language}. Write only the translation.

{text}"""


@configured
@dataclass(frozen=True, kw_only=True)
class Translation(Seeded):
    """A translation of one seed a task.

    `fidelity` is the cosine between source and translation (the embedder knows sixteen languages); below `at_least` the
    record is rejected. `back` "on" also translates back into `source_language` and takes the lower of both cosines.
    """

    recipe: ClassVar[str] = "translation"
    text_field: str = "text"
    keep: tuple[str, ...] = ()
    language: str = "Korean"
    source_language: str = "English"
    manner: str = "polite and natural"
    at_least: float = 0.6
    back: str = "off"
    sampling: Sampling = Sampling(temperature=0.3, max_tokens=1024)  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        need_seeds(self.seeds, (self.text_field,), self.recipe)

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Translate, and see whether the meaning came across."""
        trail = Trail.of(spec, ask, seed=self.seed)
        record = self.seeds[spec["start"]]
        text = str(record[self.text_field])
        wish = _TRANSLATE.format(language=self.language, manner=self.manner, text=text)
        reply = await trail.say("translate", wish, self.sampling)
        translated = reply.text.strip()
        if unusable(reply) or not translated:
            return [trail.broken(reply)]
        texts = [text, translated]
        if self.back == "on":
            wish = _BACK.format(language=self.source_language, text=translated)
            texts.append((await trail.say("back", wish, self.sampling)).text.strip())
        points = embed(texts)
        fidelity = min(float(points[0] @ point) for point in points[1:])
        own = {name: record[name] for name in self.keep if name in record}
        fields = {**own, "source_text": text, "translation": translated}
        candidate = trail.record(fields, fidelity=fidelity)
        if fidelity < self.at_least:
            return [candidate.refused("fidelity", f"cosine {fidelity:.2f} to the source")]
        return [candidate]
