"""How does a model that only chats go on with a raw text?

It is asked to, in one turn, and what it writes is cut where the raw text's own stops would have ended it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from veridical.core.errors import SpecError
from veridical.llm.chat import ChatReply, ChatRequest, Finish, Message

_TEMPLATE = re.compile(r"<\|[a-z_]+\|>|\[/?INST\]|<start_of_turn>|<s>")
_ASK = """Go on with the text below, exactly where it ends and in its own form. Write only what comes next{until}, \
without repeating any of it.

{text}"""


def in_chat(request: ChatRequest, *, where: str) -> ChatRequest:
    """Return a raw prompt's request as a question in chat; others as they are.

    Raises:
        SpecError: the prompt is a chat template of its own (Magpie's), which only servers of raw prompts go on with.

    Example:
        >>> asked = in_chat(ChatRequest(prompt="Q: 2+2, A:"), where="m")
        >>> asked.prompt, asked.messages[0].content.endswith("Q: 2+2, A:")
        (None, True)
    """
    if request.prompt is None:
        return request
    if _TEMPLATE.search(request.prompt):
        fix = "use a server that takes raw prompts: vLLM, llama.cpp, the embedded model"
        raise SpecError("this model takes no raw prompt that is a chat template", where=where, fix=fix)
    until = ": one line" if any(stop.strip() == "" for stop in request.stop) else ""
    question = Message("user", _ASK.format(until=until, text=request.prompt))
    # A stop of white space alone is refused by some servers, and would end many replies before they begin.
    return replace(request, prompt=None, messages=(question,), stop=_visible(request.stop))


def cut(reply: ChatReply, request: ChatRequest) -> ChatReply:
    """Return the reply to a raw prompt asked in chat, ended where the first of the request's stops stands.

    Example:
        >>> cut(ChatReply(text=chr(10) + "4" + chr(10) + "Q: 3+3"), ChatRequest(prompt="Q:", stop=(chr(10),))).text
        '4'
    """
    if request.prompt is None:
        return reply
    text = reply.text.lstrip()
    ends = [text.find(stop) for stop in request.stop if stop in text]
    if not ends:
        return replace(reply, text=text)
    finish = Finish.STOP if reply.finish is Finish.LENGTH else reply.finish  # what was wanted had ended by then
    return replace(reply, text=text[: min(ends)], finish=finish)


def _visible(stops: Sequence[str]) -> tuple[str, ...]:
    return tuple(stop for stop in stops if stop.strip())
