"""How is a record made by one prompt, the simplest recipe there is?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from veridical.core.errors import SpecError
from veridical.llm.candidate import Ask, Candidate, Setting
from veridical.llm.chat import ChatRequest, Message
from veridical.llm.structured import ask_record, unusable


@dataclass(frozen=True, kw_only=True)
class Prompted:
    """One question a record: the recipe `prompt`.

    `prompt` and `system` are Jinja2 templates over the attributes that the quotas want next, one of each of `values`
    (rotated), and `number`, the task's. With `schema` the reply is a JSON object and its fields are the record's;
    without, the record is `{field: text}`.

    Example:
        >>> recipe = Prompted(prompt="Write about {{ topic }}.", values={"topic": ["tea", "rain"]})
        >>> [recipe.question(recipe.plan(n, {})).messages[-1].content for n in (0, 1)]
        ['Write about tea.', 'Write about rain.']
    """

    prompt: str
    system: str = ""
    field_name: str = "text"
    schema: Mapping[str, Any] | None = None
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    max_tokens: int = 512
    temperature: float | None = None
    top_p: float | None = None
    stop: tuple[str, ...] = ()
    tries: int = 3
    seed: int = 0

    @classmethod
    def from_options(cls, options: Mapping[str, Any], setting: Setting) -> Self:
        """Return the recipe of a run.

        Raises:
            SpecError: an option is unknown or missing.
        """
        try:
            return cls(**{"seed": setting.seed, **options})
        except TypeError as wrong:
            raise SpecError(str(wrong).partition(") ")[2] or str(wrong), fix="see the docs of the recipe") from wrong

    @cached_property
    def identity(self) -> Mapping[str, Any]:
        """What the journal says of this recipe: all of it."""
        return {"recipe": "prompt", **{name: getattr(self, name) for name in self.__dataclass_fields__}}

    def plan(self, number: int, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the attributes wanted and one of each of the values, by turns."""
        spec: dict[str, Any] = {"number": number, **wanted}
        turn = number
        for name, values in self.values.items():
            if name not in spec:
                spec[name] = values[turn % len(values)]
                turn //= len(values)
        return spec

    async def make(self, spec: Mapping[str, Any], ask: Ask) -> Sequence[Candidate]:
        """Return one candidate."""
        attributes = {name: str(value) for name, value in spec.items() if name != "number"}
        request = self.question(spec)
        if self.schema is not None:
            found = await ask_record(ask, request, step="prompt", tries=self.tries)
            reply, fields, why = found.reply, found.value or {"reply": found.reply.text}, found.rejection
        else:
            reply = await ask(request, step="prompt")
            fields, why = {self.field_name: reply.text.strip()}, unusable(reply)
        attributes.update((name, str(fields[name])) for name in attributes if name in fields)
        made = Candidate(fields=fields, attributes=attributes, steps=("prompt",), models=(reply.model,), rejected=why)
        return [made]

    def question(self, spec: Mapping[str, Any]) -> ChatRequest:
        """Return the request of one task.

        Raises:
            SpecError: the template names what is not there.
        """
        turns = [Message("system", self._render("system", spec))] if self.system else []
        turns.append(Message("user", self._render("prompt", spec)))
        return ChatRequest(
            messages=tuple(turns),
            schema=self.schema,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            stop=tuple(self.stop),
            seed=(self.seed * 1_000_003 + int(spec["number"]) + 1) % 2**31,
        )

    @cached_property
    def _templates(self) -> Mapping[str, tuple[Any, Mapping[str, Any]]]:
        from jinja2 import StrictUndefined, TemplateError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=False)
        try:
            made = {name: environment.from_string(getattr(self, name)) for name in ("prompt", "system")}
        except TemplateError as wrong:
            raise SpecError(f"not a template: {wrong}", where="recipe.prompt", fix="check {{ and }}") from wrong
        return {name: (template, dict(template.globals)) for name, template in made.items()}

    def _render(self, name: str, spec: Mapping[str, Any]) -> str:
        from jinja2 import TemplateError

        template, known = self._templates[name]
        try:
            # What `Template.render` does, with the template's globals laid out once instead of once a record.
            context = template.environment.context_class(
                template.environment, {**known, **spec}, template.name, template.blocks
            )
            return "".join(template.root_render_func(context))
        except TemplateError as wrong:
            fix = f"the names are {', '.join(spec)}; add others under quotas or values"
            raise SpecError(f"the template cannot be filled: {wrong}", where=f"recipe.{name}", fix=fix) from wrong
