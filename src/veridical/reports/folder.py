"""Which files does a validation leave behind?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from veridical.core.finding import Finding, Verdict
from veridical.reports.audience import published_findings, published_verdict
from veridical.reports.html import PageContent, page
from veridical.reports.junit import junit_xml
from veridical.store.artifact import seal
from veridical.store.runfolder import write_bytes, write_json, writing_folder

KIND = "validation"
VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A verdict and its findings, as JSON for machines."""

    verdict: Verdict
    findings: Sequence[Finding]
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-like data."""
        return {
            "verdict": self.verdict.to_dict(),
            "findings": [finding.to_dict() for finding in self.findings],
            **self.extra,
        }


def write_validation(content: PageContent, folder: Path) -> None:
    """Write `verdict.json`, `findings.json`, `report.html` and `junit.xml`, and seal the folder.

    Every file holds what the gate set's audience may see, and no more: a folder gets copied.
    """
    verdict = published_verdict(content.verdict, content.audience)
    findings = published_findings(content.findings, content.audience)
    with writing_folder(folder) as target:
        write_json(target / "verdict.json", json_safe(verdict.to_dict()))
        write_json(target / "findings.json", json_safe([finding.to_dict() for finding in findings]))
        write_bytes(target / "report.html", page(content).encode())
        write_bytes(target / "junit.xml", junit_xml(verdict).encode())
        seal(target, KIND, VERSION)


def json_safe(value: Any) -> Any:
    """Return JSON-like data that any reader takes: figures that are not finite become null, numpy ones plain."""
    if isinstance(value, Mapping):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [json_safe(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return None
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return json.loads(json.dumps(value, default=str))
