"""`veridical deidentify`: replace what names a person, in a text or a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from veridical.cli.options import SOURCE

if TYPE_CHECKING:
    from veridical.deidentify.finder import All
    from veridical.deidentify.pseudonym import Pseudonyms

LEAKED = 3
_TEXTS = (".txt", ".md", ".markdown", ".text", ".log", ".html", ".htm")


@click.command("deidentify")
@click.argument("source", type=SOURCE)
@click.option("-o", "--output", type=SOURCE, help="Where to write; by default FILE.deidentified.SUFFIX beside it.")
@click.option(
    "--mode", type=click.Choice(["replace", "generalise", "tag"]), default="replace", show_default=True,
    help="Made-up values; year, region and network alone; or [NAME_1].",
)  # fmt: skip
@click.option("--column", "columns", multiple=True, metavar="NAME=KIND", help="What a column is, or text, keep, drop.")
@click.option("--subject", metavar="COLUMN", help="Whose row it is: dates of one subject move by the same weeks.")
@click.option("--only", "kinds", multiple=True, help="Look for these kinds only; may be repeated.")
@click.option("--periods", is_flag=True, help="Also tag times that are no day: years, decades, 'last month', spans.")
@click.option("--known", type=SOURCE, help="A file of names and numbers, one a line, that must never come out.")
@click.option("--key", type=SOURCE, help="A file with the secret key: made where it is absent. The same key gives the "
              "same pseudonyms in every file; without one they are made for this run alone.")  # fmt: skip
@click.option("--locale", default="en_US", show_default=True, help="For what shows none of its own.")
@click.option("--presidio", is_flag=True, help="Let Presidio look as well (installed apart).")
def deidentify(
    source: Path,
    output: Path | None,
    mode: str,
    columns: tuple[str, ...],
    subject: str | None,
    kinds: tuple[str, ...],
    periods: bool,
    known: Path | None,
    key: Path | None,
    locale: str,
    presidio: bool,
) -> int:
    """Replace names, contacts, ids, dates and places in FILE (CSV, Parquet, JSON lines, text), the same the same way.

    Nothing that was replaced may stand anywhere in what is written: that is looked up at the end.

    Exit code 3: something of it does; the file is not written.
    """
    from veridical.deidentify.entity import USUAL
    from veridical.deidentify.pseudonym import Pseudonyms
    from veridical.deidentify.table import default_finder

    terms = [] if known is None else [line.strip() for line in known.read_text("utf-8").splitlines() if line.strip()]
    wanted = (*(kinds or USUAL), *(("period",) if periods else ()))
    finder = default_finder(tuple(dict.fromkeys(wanted)), known=terms, presidio=presidio)
    names = Pseudonyms(key=_key(key), locale=locale, mode=mode)  # type: ignore[arg-type]
    target = output or source.with_name(f"{source.name.split('.')[0]}.deidentified.{source.name.partition('.')[2]}")
    if source.suffix.lower() in _TEXTS:
        return _text(source, target, finder, names, terms)
    return _table(source, target, finder, names, terms, dict(_pair(item) for item in columns), subject)


def _text(source: Path, target: Path, finder: All, names: Pseudonyms, terms: list[str]) -> int:
    from veridical.connect.encoding import guess
    from veridical.core.errors import DataError
    from veridical.deidentify.text import deidentify as cleaned_of
    from veridical.deidentify.text import leaks
    from veridical.store.runfolder import write_bytes

    try:
        content = source.read_bytes()
    except OSError:
        raise DataError("this file cannot be read", where=str(source), fix="check the path") from None
    cleaned = cleaned_of(content.decode(guess(content, whole=True), errors="replace"), finder, names)
    _tell(cleaned.counts)
    if leaked := len(leaks(cleaned.removed, [cleaned.kept])) + len(leaks(terms, [cleaned.text])):
        return _refuse(leaked, ())
    write_bytes(target, cleaned.text.encode())
    click.echo(f"written     {target}")
    return 0


def _table(
    source: Path, target: Path, finder: All, names: Pseudonyms, terms: list[str], columns: dict[str, str],
    subject: str | None,
) -> int:  # fmt: skip
    from veridical.connect.sink import write
    from veridical.connect.source import read
    from veridical.deidentify.table import deidentify_table
    from veridical.deidentify.text import leaks

    found = deidentify_table(read(source, cells="kept").only, finder, names, columns=columns, subject=subject)
    for name, how in found.treated.items():
        click.echo(f"  {name:24s} {how}")
    _tell(found.counts)
    known = leaks(terms, (str(v) for c in found.table.columns for v in c.to_pylist() if v is not None)) if terms else []
    if found.leaked or known:
        return _refuse(found.leaked + len(known), found.leaked_columns)
    rows = write(found.table, target)
    click.echo(f"written     {target} ({rows:,} rows)")
    return 0


def _tell(counts: object) -> None:
    told = ", ".join(f"{kind} {count:,}" for kind, count in sorted(dict(counts).items()))  # type: ignore[call-overload]
    click.echo(f"replaced    {told or 'nothing'}")


def _refuse(leaked: int, columns: tuple[str, ...]) -> int:
    where = f" (columns {', '.join(columns)}: say what they are with --column)" if columns else ""
    click.echo(f"refused     {leaked:,} of the replaced values still stand in the rest{where}; nothing was written")
    return LEAKED


def _pair(item: str) -> tuple[str, str]:
    name, sign, kind = item.partition("=")
    if not sign:
        raise click.BadParameter(f"{item!r} is not NAME=KIND", param_hint="--column")
    return name, kind


def _key(path: Path | None) -> bytes:
    import os

    from veridical.core.errors import DataError
    from veridical.deidentify.pseudonym import new_key

    if path is None:
        return new_key()
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(new_key())
    key = path.read_bytes()
    if len(key) < 16:
        raise DataError("this key is shorter than 16 bytes", where=str(path), fix="name a file that is not there yet")
    return key
