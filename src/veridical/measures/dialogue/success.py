"""How many dialogues reach their goal, by the rules, and stay true to who is speaking?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from veridical.core.contracts import RunContext
from veridical.core.finding import Direction, Finding
from veridical.curate.act import CUSTOMER
from veridical.measures.dialogue.view import FAILURES, DialogueView, Talk
from veridical.measures.estimate import share
from veridical.measures.figure import figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Success:
    """Shares of candidates that reached their goal, of accepted ones with a broken rule, and of true customers.

    A candidate has reached its goal when the database looks as after the gold actions and every fact was said. A
    customer is true to the persona when they name no number, code or address but those that they know of.
    """

    def measure(self, view: DialogueView, ctx: RunContext) -> Sequence[Finding]:  # noqa: ARG002
        """Return `dialogue.goal_success`, `dialogue.policy_breaks` and `dialogue.persona`."""
        failed = {name: view.failed[name] for name in FAILURES if view.failed.get(name)}
        played = len(view.made) + sum(failed.values())
        reached = share(len(view.made), played)
        why = "".join(f", {name} {count}" for name, count in sorted(failed.items(), key=lambda i: -i[1]))
        broken = share(sum(bool(talk.about.get("policy_breaks")) for talk in view.made), len(view.made))
        known = [talk for talk in view.made if talk.about.get("blueprint")]
        true = share(sum(_is_true(talk) for talk in known), len(known)) if known else share(0, 0)
        return [
            figure(
                "dialogue.goal_success", reached, direction=Direction.HIGHER, detail={"failed": failed},
                sentence=f"{reached.value:.1%} of {played} dialogues reached their goal{why}.",
            ),
            figure(
                "dialogue.policy_breaks", broken,
                f"In {broken.value:.1%} of the accepted dialogues the agent broke a rule.",
            ),
            figure(
                "dialogue.persona", true, direction=Direction.HIGHER,
                sentence=f"In {true.value:.1%} of the dialogues the customer names only what they can know.",
            ),
        ]  # fmt: skip


def _is_true(talk: Talk) -> bool:
    """Return whether the customer names nothing they cannot know: their own values, or what the agent said before."""
    known = " ".join(str(value) for value in dict(talk.about["blueprint"]).get("values", {}).values()).lower()
    heard = ""
    for who, text in zip(talk.speakers, talk.texts):
        if who == CUSTOMER:
            values = Talk((CUSTOMER,), (text,)).values_said(CUSTOMER)
            if any(value.lower() not in known and value.lower() not in heard for value in values):
                return False
        else:
            heard += f" {text.lower()}"
    return True
