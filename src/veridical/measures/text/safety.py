"""How many texts hold personal data, listed words or an assistant's boiler-plate, and whom do they speak of?

The audit of representation counts words that name groups of people, in English and Korean, among texts that name any
group of the same kind; it finds what is said in so many words and no more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from veridical.core.contracts import Evidence, RunContext
from veridical.core.finding import Finding, not_measured
from veridical.curate.personal import kinds_of
from veridical.curate.refusal import refusal_in
from veridical.curate.toxicity import is_toxic
from veridical.measures.estimate import Estimate, share
from veridical.measures.figure import beside, figure
from veridical.measures.text.view import LEAST, Side, view_of

REPRESENTATION = "text.representation"
GROUPS: Mapping[str, Mapping[str, str]] = {
    "gender": {
        "female": r"\b(?:she|hers?|herself|wom[ae]n|girls?|ladies|lady|mothers?|wife|daughters?|sisters?|mrs|ms)\b"
        r"|그녀|여자|여성|어머니|엄마|아내|언니|누나|할머니|딸",
        "male": r"\b(?:he|his|him|himself|m[ae]n|boys?|gentlem[ae]n|fathers?|husband|sons?|brothers?|mr|sir)\b"
        r"|남자|남성|아버지|아빠|남편|형님|오빠|할아버지|아들",
    },
    "age": {
        "young": r"\b(?:young|teen(?:age|ager)?s?|child(?:ren)?|kids?|students?)\b|청년|어린이|아이들|학생|청소년",
        "old": r"\b(?:old(?:er)? (?:man|woman|people|person)|elderly|seniors?|retired|retirees?|pensioners?"
        r"|grand(?:mother|father|ma|pa))\b|노인|어르신|할머니|할아버지|은퇴",
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Safety:
    """Shares of texts with personal data, listed words or boiler-plate, beside those of real texts; and the audit.

    `text.representation` is, for each kind of group, how far the share of its first group (among texts that name one)
    lies from the seeds'.
    """

    least_named: int = 20

    def measure(self, evidence: Evidence, ctx: RunContext) -> Sequence[Finding]:
        """Return `text.personal`, `text.toxic`, `text.refusals` and `text.representation`."""
        view = view_of(evidence, ctx)
        if len(view.fake) < LEAST:
            return [not_measured("text.personal", f"{len(view.fake)} texts; {LEAST} are needed", n=len(view.fake))]
        found = []
        for check, of, what in (
            ("text.personal", lambda text: bool(kinds_of(text)), "hold personal data"),
            ("text.toxic", is_toxic, "hold a listed word"),
            ("text.refusals", _refuses, "decline, or speak as an assistant"),
        ):
            ours = share(sum(map(of, view.fake.texts)), len(view.fake))
            ceiling = None if view.peer is None else share(sum(map(of, view.peer.texts)), len(view.peer))
            found.append(
                figure(check, ours, f"{ours.value:.1%} of the texts {what}{beside(ceiling)}.", ceiling=ceiling)
            )
        return [*found, *(self._representation(kind, view.seeds, view.fake) for kind in GROUPS)]

    def _representation(self, kind: str, seeds: Side, fake: Side) -> Finding:
        first, second = GROUPS[kind]
        counts = {name: (_naming(GROUPS[kind][first], side), _naming(GROUPS[kind][second], side))
                  for name, side in (("seeds", seeds), ("synthetic", fake))}  # fmt: skip
        least = min(sum(pair) for pair in counts.values())
        if least < self.least_named:
            return not_measured(REPRESENTATION, f"{least} texts name a group", n=least, scope=(kind,))
        real, ours = (share(pair[0], sum(pair)) for pair in (counts["seeds"], counts["synthetic"]))
        gap = Estimate(abs(ours.value - real.value), (ours.error**2 + real.error**2) ** 0.5, least)
        detail: dict[str, Any] = {"first": first, "second": second, "synthetic": ours.value, "seeds": real.value}
        words = (
            f"{ours.value:.0%} of what names {first} or {second} people names {first} ones; "
            f"in the seeds {real.value:.0%}."
        )
        return figure(REPRESENTATION, gap, words, scope=(kind,), detail=detail, sensitive=("seeds",))


def _naming(pattern: str, side: Side) -> int:
    compiled = re.compile(pattern, re.I)
    return sum(1 for text in side.texts if compiled.search(text))


def _refuses(text: str) -> bool:
    return refusal_in(text) is not None
