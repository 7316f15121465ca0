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
    return [*_governance(story), *_gdpr(story), *_hipaa(story)]


def _governance(story: Story) -> list[Item]:
    """Return the questions of SP 800-188, cited by topic: its drafts and its final text number them differently."""
    predicate, protection = story.predicate, story.predicate["protection"]
    return [
        Item("SP 800-188, goals and intended use", "What was asked for, by whom, for which use?", _request(predicate)),
        Item("SP 800-188, data-sharing model", "Who will receive it, and on which terms?", _terms(predicate)),
        Item("SP 800-188, risk of the release", "Which harm could a disclosure do, and to whom?", _OPEN),
        Item("SP 800-188, disclosure review board", "Who reviewed and approved it?", _approved(predicate)),
        Item("SP 800-188, performance levels", "Which thresholds had to be met?", _thresholds(predicate)),
        Item("SP 800-188, technique", "Which method was used, with which parameters?", _method(predicate)),
        Item("SP 800-188, formal privacy", "Is there a formal guarantee, and which?", str(protection["guarantee"])),
        Item("SP 800-188, re-identification study", "What did simulated attacks find?", _attacks(predicate)),
        Item(
            "SP 800-188, after the release", "How does a reader see that nothing was changed?",
            "the manifest is signed: `veridical verify`",
        ),
        Item("SP 800-188, after the release", "Who answers complaints, and when is the release reviewed?", _OPEN),
    ]  # fmt: skip


def _gdpr(story: Story) -> list[Item]:
    predicate, protection = story.predicate, story.predicate["protection"]
    dropped = [c.name for table in story.schema.tables for c in table.columns if c.role is Role.DROP]
    left_out = f"left out by the schema: {', '.join(dropped)}. " if dropped else ""
    return [
        Item(
            "GDPR, recital 26", "By means reasonably likely to be used, is anybody still identifiable?",
            _persons(predicate),
        ),
        Item(
            "WP29 opinion 05/2014", "Can somebody be singled out, linked, or inferred about?",
            _three_risks(predicate),
        ),
        Item("GDPR, art. 5 (1) b and 6 (4)", "Is this use compatible with what the data was collected for?", _OPEN),
        Item("GDPR, art. 5 (1) c", "Is every column needed?", f"{left_out}Of the others: {_OPEN}"),
        Item(
            "GDPR, art. 6 and 9", "Making this processed the real data: on which legal basis?",
            _OPEN,
        ),
        Item("GDPR, art. 13 and 14", "Were the persons told of this use?", _OPEN),
        Item("GDPR, art. 25", "Which protections are built in?", "; ".join(protection["how"])[:1500]),
        Item("GDPR, art. 30", "Is this in the record of processing?", f"what was done: the manifest; entered: {_OPEN}"),
        Item("GDPR, art. 35", "Was a data protection impact assessment made where one is due?", _OPEN),
    ]  # fmt: skip


def _hipaa(story: Story) -> list[Item]:
    return [
        Item("HIPAA, 164.514 (b) (1)", "Did an expert find, and write down why, that the risk is very small?", _OPEN),
        Item("HIPAA, 164.514 (b) (2) (i)", "Are the eighteen identifiers gone?", _identifiers(story.columns)),
        Item(
            "HIPAA, 164.514 (b) (2) (ii)", "Does anybody know that what is left could identify a person?", _OPEN,
        ),
        Item("HIPAA, 164.514 (c)", "Does a code lead back to persons?", _codes(story)),
    ]  # fmt: skip


def _request(predicate: Mapping[str, Any]) -> str:
    asked = predicate["request"]
    rows = ", ".join(f"{count:,} rows of {name}" for name, count in asked["rows"].items())
    told = [f"{name}: {value}" for name, value in (asked["request"] or {}).items() if name in ("where", "balance")]
    return f"{rows} as {asked['format']}{'; ' if told else ''}{'; '.join(told)}. By whom, for which use: {_OPEN}"


def _terms(predicate: Mapping[str, Any]) -> str:
    return f"licence stated: {predicate['licence'] or 'none'}. Openly, under an agreement, or within walls: {_OPEN}"


def _codes(story: Story) -> str:
    public = [line for line in story.predicate["protection"].get("declared_public", ()) if "goes out as it is" in line]
    kept = f"; but {', '.join(public)}" if public else ""
    return f"no: keys of persons are made up afresh, and no table of old and new keys is kept{kept}"


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
        return (
            "none was run on real rows: its result would itself have to be paid for. `veridical privacy audit` attacks "
            f"the engine with planted persons, at no cost; what it found: {_OPEN}"
        )
    if not found:
        return f"none was run: {_OPEN}"
    return "; ".join(f"{r['check']}: {r['outcome']}{_figure(r)}" for r in found[:30])


def _figure(result: Mapping[str, Any]) -> str:
    value = result.get("value")
    return "" if value is None else f" ({value:.3g}, limit {result['limit']})"


def _persons(predicate: Mapping[str, Any]) -> str:
    if predicate["protection"].get("differential_privacy"):
        return (
            "what an attacker can gain is bounded by the guarantee, whatever they know; whether the bound is small "
            f"enough to call the data anonymous: {_OPEN}"
        )
    return f"measured, not excluded: see the privacy checks. Whether what is left is reasonably likely: {_OPEN}"


def _three_risks(predicate: Mapping[str, Any]) -> str:
    if predicate["protection"].get("differential_privacy"):
        return (
            "all three are bounded for what depends on one unit's own rows; what is true of a group can be inferred "
            "about its members whether or not they took part"
        )
    results: Sequence[Mapping[str, Any]] = predicate["verdict"]["results"]
    kinds = {"singling": "singled out", "link": "linked", "infer": "inferred about", "disclosure": "inferred about"}
    told = dict.fromkeys(
        f"{words}: {r['check']} {r['outcome']}"
        for part, words in kinds.items() for r in results
        if str(r["check"]).startswith("privacy.") and part in str(r["check"])
    )  # fmt: skip
    return "; ".join(told) if told else f"not attacked one by one in this run; see the distances in the report. {_OPEN}"


def _identifiers(columns: Sequence[Column]) -> str:
    made_up = [c.name for c in columns if c.kind in (Kind.PERSONAL, Kind.IDENTIFIER) and c.role is not Role.DROP]
    dates = [c.name for c in columns if c.kind in (Kind.DATE, Kind.DATETIME)]
    told = f"made up, never copied: {', '.join(made_up)}" if made_up else "no column is known as an identifier"
    if dates:
        told += f"; synthetic dates, finer than a year, remain in {', '.join(dates)}"
    return f"{told}. Whether the list is complete: {_OPEN}"


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
