"""What must a person, and a catalogue, know of a released data set before using it?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from veridical.core import digest
from veridical.core.finding import Outcome, Verdict
from veridical.core.schema import Column, Kind, Role, Schema

_MEDIA = {".parquet": "application/vnd.apache.parquet", ".csv": "text/csv", ".jsonl": "application/jsonlines"}
_SIZES = (
    (1e3, "n<1K"),
    (1e4, "1K<n<10K"),
    (1e5, "10K<n<100K"),
    (1e6, "100K<n<1M"),
    (1e7, "1M<n<10M"),
    (1e8, "10M<n<100M"),
)
_CROISSANT_KINDS = {
    Kind.INTEGER: "sc:Integer",
    Kind.DECIMAL: "sc:Float",
    Kind.BOOLEAN: "sc:Boolean",
    Kind.DATETIME: "sc:DateTime",
    Kind.DATE: "sc:Date",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a release says of itself: its name, schema, verdict and the manifest's predicate.

    `template` is the card's, `maker` says who made the data.
    """

    name: str
    schema: Schema
    verdict: Verdict
    predicate: Mapping[str, Any]
    template: str = "card.md"
    maker: str = "veridical"

    @property
    def columns(self) -> list[Column]:
        """The columns that went out."""
        return [c for table in self.schema.tables for c in table.columns if c.role is not Role.DROP]


def write_card(folder: Path, story: Story) -> None:
    """Write `README.md`: waivers first, then what it is, how it was judged, made and protected."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("veridical.reports"),
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = _cell
    rows = sum(story.predicate["request"]["rows"].values())
    text = environment.get_template(story.template).render(
        story=story,
        p=story.predicate,
        rows=rows,
        size=next((name for limit, name in _SIZES if rows < limit), "100M<n<1B"),
        files=_data_files(folder),
        passed=sum(result.outcome is Outcome.PASS for result in story.verdict.results),
        parameters=json.dumps(story.predicate["method"]["parameters"], ensure_ascii=False),
    )
    (folder / "README.md").write_text(text, encoding="utf-8")


def write_croissant(folder: Path, story: Story) -> None:
    """Write `croissant.json`: MLCommons Croissant 1.0, in JSON-LD."""
    files = [
        {
            "@type": "cr:FileObject",
            "@id": path.name,
            "name": path.name,
            "contentUrl": path.name,
            "contentSize": f"{path.stat().st_size} B",
            "encodingFormat": _MEDIA[path.suffix],
            "sha256": digest.of_file(path),
        }
        for path in _data_files(folder)
    ]
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": story.name,
        "description": f"Synthetic data made with {story.maker}, engine {story.predicate['method']['engine']}."
        if story.maker == "veridical"
        else f"Synthetic data made with {story.maker}, judged by veridical.",
        "version": "1.0.0",
        "datePublished": story.predicate["made_at"],
        "license": story.predicate["licence"] or "unspecified",
        "distribution": files,
        "recordSet": [_record_set(story, file["@id"]) for file in files],
    }
    (folder / "croissant.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _record_set(story: Story, file: str) -> dict[str, Any]:
    stem = Path(file).stem
    table = next((t for t in story.schema.tables if t.name == stem), story.schema.tables[0])
    return {
        "@type": "cr:RecordSet",
        "@id": stem,
        "name": stem,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{stem}/{column.name}",
                "name": column.name,
                "dataType": _CROISSANT_KINDS.get(column.kind, "sc:Text"),
                "source": {"fileObject": {"@id": file}, "extract": {"column": column.name}},
            }
            for column in table.columns
            if column.role is not Role.DROP
        ],
    }


def _data_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in _MEDIA)


def _cell(value: Any) -> str:
    """Return text that cannot break out of a Markdown table's cell."""
    text = "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
    for plain, escaped in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("`", "\\`"), ("\n", " "), ("\r", " ")):
        text = text.replace(plain, escaped)
    return text


_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "column": "cr:column",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "recordSet": "cr:recordSet",
    "source": "cr:source",
}
