"""Which questions of law and practice does a release raise, and which of them do the facts of the run answer?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from veridical.core.schema import Column, Kind, Role
from veridical.reports.card import Story

_OPEN = "_to be filled in by a person_"


@dataclass(frozen=True, slots=True)
class Item:
    """One question, where it comes from, and what the run says to it."""

    source: str
    question: str
    answer: str

    @property
    def is_open(self) -> bool:
        """Whether a person has to answer it."""
        return self.answer == _OPEN


def write_checklist(folder: Path, story: Story) -> None:
    """Write `checklist.md`: GDPR, HIPAA and NIST SP 800-188 questions with the answers that the run knows."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("veridical.reports"), autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    items = items_of(story)
    text = environment.get_template("checklist.md").render(
        name=_plain(story.name), items=[(_plain(i.source), _plain(i.question), _plain(i.answer)) for i in items],
        open_items=sum(item.is_open for item in items),
    )  # fmt: skip
    (folder / "checklist.md").write_text(text, encoding="utf-8")


def items_of(story: Story) -> list[Item]:
    """Return every question, answered from the facts of the run where they say something."""
    predicate, columns = story.predicate, story.columns
    protection = predicate["protection"]
    return [
        Item("SP 800-188, 3.2", "Who asked for the release, for which use, and who will receive it?", _OPEN),
        Item("SP 800-188, 3.3", "Who reviewed and approved it (disclosure review board)?", _approved(predicate)),
        Item("SP 800-188, 3.4", "Which thresholds were set before the data was made?", _thresholds(predicate)),
        Item("SP 800-188, 4.2", "Which method was used, with which parameters?", _method(predicate)),
        Item("SP 800-188, 4.4", "Is there a formal guarantee, and which?", str(protection["guarantee"])),
        Item("SP 800-188, 4.5", "What did simulated attacks find?", _attacks(predicate)),
        Item("SP 800-188, 5", "How does a reader see that nothing was changed?", "signed manifest; `veridical verify`"),
        Item("GDPR, recital 26", "Can a person be singled out, linked, or inferred about?", _persons(predicate)),
        Item("GDPR, art. 5 (1) b", "Is the new use compatible with the one the data was collected for?", _OPEN),
        Item("GDPR, art. 6 and 9", "On which legal basis was the real data processed to make this?", _OPEN),
        Item("GDPR, art. 35", "Was a data protection impact assessment made where one is due?", _OPEN),
        Item("GDPR, art. 25", "Which protections are built in?", "; ".join(protection["how"])[:900]),
        Item("HIPAA, 164.514 (b) (2)", "Are the eighteen identifiers gone?", _identifiers(columns)),
        Item("HIPAA, 164.514 (b) (1)", "Did an expert determine that the risk is very small?", _OPEN),
        Item("HIPAA, 164.514 (c)", "Is a code kept that leads back to persons?", "no: keys are made up afresh"),
    ]  # fmt: skip


def _approved(predicate: Mapping[str, Any]) -> str:
    waived = [f"{w['check']} waived by {w['by']} ({w['because']})" for w in predicate["waivers"]]
    who = "signed by the key in signer.pub; the name behind it is " + _OPEN
    return "; ".join([who, *waived])


def _thresholds(predicate: Mapping[str, Any]) -> str:
    results: Sequence[Mapping[str, Any]] = predicate["verdict"]["results"]
    listed = dict.fromkeys(f"{r['check']}: {r['limit']}" for r in results)
    return f"gate set {predicate['verdict']['gate_set']}: " + "; ".join(list(listed)[:40])


def _method(predicate: Mapping[str, Any]) -> str:
    method = predicate["method"]
    return (
        f"engine {method['engine']} of veridical {predicate['made_with']['veridical']}; all parameters in the manifest"
    )


def _attacks(predicate: Mapping[str, Any]) -> str:
    results: Sequence[Mapping[str, Any]] = predicate["verdict"]["results"]
    found = [r for r in results if str(r["check"]).startswith("privacy.")]
    if predicate["protection"].get("differential_privacy"):
        return "none was run on exact rows: its result would itself have to be paid for; see the guarantee"
    if not found:
        return "none was run: " + _OPEN
    return "; ".join(f"{r['check']}: {r['outcome']}" for r in found[:30])


def _persons(predicate: Mapping[str, Any]) -> str:
    if predicate["protection"].get("differential_privacy"):
        return "bounded by the guarantee, whatever an attacker knows; see the card for what it leaves open"
    return (
        "measured, not excluded: see the privacy checks in the report; judge whether what is left is reasonably likely"
    )


def _identifiers(columns: Sequence[Column]) -> str:
    made_up = [c.name for c in columns if c.kind in (Kind.PERSONAL, Kind.IDENTIFIER) and c.role is not Role.DROP]
    dates = [c.name for c in columns if c.kind in (Kind.DATE, Kind.DATETIME)]
    told = f"made up, never copied: {', '.join(made_up)}" if made_up else "no column is known as an identifier"
    if dates:
        told += f"; synthetic dates remain in {', '.join(dates)}"
    return f"{told}. Whether the list is complete: {_OPEN}"


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
