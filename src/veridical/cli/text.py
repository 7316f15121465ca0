"""`veridical text`: text from a language model, exactly as much as was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from veridical.cli.options import SOURCE, quiet_option
from veridical.cli.text_improve import improve

if TYPE_CHECKING:
    from veridical.spec.text import TextSpec
    from veridical.stages.text import TextRun

FAILED, OVER_BUDGET = 3, 4


class _FileOrCommand(click.Group):
    """A group whose first argument may also be a file: `veridical text FILE` is `veridical text run FILE`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command named first, or `run` where none is."""
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let `text --dry-run FILE` mean `text run --dry-run FILE`."""
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group("text", cls=_FileOrCommand, no_args_is_help=True)
def text() -> None:
    """Make text with a language model: exactly N accepted records, at a known cost.

    \b
      veridical text instructions.yaml -o runs/a      run it; the same command resumes it
      veridical text instructions.yaml --dry-run      show the prompts, ask nobody
      veridical text forecast instructions.yaml       a pilot of 20: cost, time and yield to expect

    Exit code 3: a gate failed and nothing is released. Exit code 4: max_cost or the candidate cap was reached first;
    what was accepted is kept.
    """


text.add_command(improve)


@text.command("run", hidden=True)
@click.argument("file", type=SOURCE)
@click.option("-o", "--output", type=SOURCE, help="The run's folder; by default `output` of the file.")
@click.option("--dry-run", is_flag=True, help="Show the first prompts and what would run; ask nobody.")
@click.option("--endpoint", metavar="URL", help="Ask this server instead: base_url of the teacher.")
@click.option("--retry-failed", is_flag=True, help="Try tasks again that were given up.")
@quiet_option
def run(file: Path, output: Path | None, dry_run: bool, endpoint: str | None, retry_failed: bool, quiet: bool) -> int:
    """Run the text spec FILE; begun before in this folder, it goes on from there."""
    from veridical.spec.text import read_text

    spec = _pointed(read_text(file), endpoint)
    if dry_run:
        return _show(spec)
    return _go(spec, _folder(spec, output, file), quiet=quiet, retry_failed=retry_failed)


@text.command("resume")
@click.argument("folder", type=SOURCE)
@click.option("--retry-failed", is_flag=True, help="Try tasks again that were given up.")
@click.option("--max-cost", type=float, help="A new limit in US dollars.")
@quiet_option
def resume(folder: Path, retry_failed: bool, max_cost: float | None, quiet: bool) -> int:
    """Go on with the run in FOLDER, with the spec it was begun with."""
    from dataclasses import replace

    from veridical.stages.text import kept_spec

    spec = kept_spec(folder)
    if max_cost is not None:
        spec = replace(spec, max_cost=max_cost)
    return _go(spec, folder, quiet=quiet, retry_failed=retry_failed)


@text.command("forecast")
@click.argument("file", type=SOURCE)
@click.option("--pilot", type=click.IntRange(5, 1000), default=20, show_default=True, help="Candidates to pay for.")
@click.option("--endpoint", metavar="URL", help="Ask this server instead: base_url of the teacher.")
@click.option("-o", "--output", type=SOURCE, help="The run's folder, where the pilot counts.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def forecast(file: Path, pilot: int, endpoint: str | None, output: Path | None, as_json: bool) -> None:
    """Pay for a small pilot of FILE and say what all of it will cost, yield and take, with intervals."""
    import json

    from veridical.spec.text import read_text
    from veridical.stages.text_forecast import forecast_text

    spec = _pointed(read_text(file), endpoint)
    found = forecast_text(spec, _context(), folder=_folder(spec, output, file), pilot=pilot)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=1))
        return
    for line in found.lines():
        click.echo(line)


@text.command("inspect")
@click.argument("folder", type=SOURCE)
@click.option("--rejected", is_flag=True, help="Every candidate that was turned away: by which check, and why.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Lines to show at most.")
def inspect(folder: Path, rejected: bool, as_json: bool, limit: int) -> None:
    """Say how far the run in FOLDER is, and what became of every candidate."""
    import json
    from itertools import islice

    from veridical.stages.text_inspect import looking_into

    with looking_into(folder) as look:
        if not rejected:
            for line in look.lines():
                click.echo(line)
            return
        for entry in islice(look.rejected(), None if as_json else limit):
            if as_json:
                click.echo(json.dumps(entry, ensure_ascii=False))
                continue
            shown = " ".join(str(value) for value in (entry.get("fields") or {}).values())
            click.echo(f"{entry['id'][:12]}  {entry['check']}: {entry['reason']}\n    {_short(shown, 100)}")


@text.command("compare")
@click.argument("first", type=SOURCE)
@click.argument("second", type=SOURCE)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def compare(first: Path, second: Path, as_json: bool) -> None:
    """Compare two runs: yield, scores, diversity and cost, each with its significance."""
    import json

    from veridical.stages.text_compare import compare_runs

    found = compare_runs(first, second)
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=1))
        return
    for line in found.lines():
        click.echo(line)


@text.command("learn")
@click.argument("seeds", type=SOURCE)
@click.option("--target", help="The field of the label.")
@click.option("--field", "fields", multiple=True, help="A text field; by default all of them.")
@click.option("--records", type=click.IntRange(1), default=1000, show_default=True, help="For the quotas it proposes.")
@click.option("-o", "--output", type=SOURCE, help="Also write what was learned as JSON.")
def learn(seeds: Path, target: str | None, fields: tuple[str, ...], records: int, output: Path | None) -> None:
    """Say what SEEDS are like (lengths, words, languages, styles, topics), and which checks and quotas follow."""
    from veridical.stages.text_learn import learn_texts

    for line in learn_texts(seeds, target=target, fields=fields, output=output).lines(records, target):
        click.echo(line)


@text.command("validate")
@click.argument("data", type=SOURCE)
@click.option("--seeds", type=SOURCE, help="The real texts it was made from.")
@click.option("--holdout", type=SOURCE, help="Real texts that nothing was made from: the ceilings.")
@click.option("--target", help="The field of the label.")
@click.option("--field", "fields", multiple=True, help="A text field; by default all that both sides have.")
@click.option("--benchmark", "benchmarks", multiple=True, metavar="NAME=PATH", help="Look for overlap with it.")
@click.option("--gates", default="text", show_default=True, help="A gate set's name, or a YAML file of gates.")
@click.option("-o", "--output", type=SOURCE, default=Path("text-validation"), show_default=True, help="The report.")
@quiet_option
def validate(
    data: Path, seeds: Path | None, holdout: Path | None, target: str | None, fields: tuple[str, ...],
    benchmarks: tuple[str, ...], gates: str, output: Path, quiet: bool,
) -> int:  # fmt: skip
    """Judge DATA, texts that any tool made, by the same measures and gates. Exit code 3: a gate failed."""
    from veridical.cli.progress import TerminalProgress
    from veridical.core.contracts import RunContext
    from veridical.stages.text_validate import Foreign, validate_texts
    from veridical.stages.text_verdict import outcome_lines

    foreign = Foreign(
        data=data, seeds=seeds, holdout=holdout, target=target, fields=fields, gates=gates,
        benchmarks=dict(_named(item) for item in benchmarks),
    )  # fmt: skip
    with TerminalProgress(quiet=quiet) as progress:
        judged = validate_texts(foreign, output, RunContext(progress=progress))
    for line in outcome_lines(judged):
        click.echo(line)
    return 0 if judged.releasable else FAILED


@text.command("calibrate")
@click.argument("file", type=SOURCE)
@click.argument("sample", type=SOURCE)
@click.option("-o", "--output", type=SOURCE, help="The calibration's file; by default judge.json beside FILE.")
@click.option("--label-field", default="grade", show_default=True, help="The field of people's grades in SAMPLE.")
@click.option("--author-field", default="", help="The field that names the model which wrote a record.")
@click.option("--pairs", type=click.IntRange(0), default=50, show_default=True, help="Pairs to show both ways round.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def calibrate(
    file: Path, sample: Path, output: Path | None, label_field: str, author_field: str, pairs: int, as_json: bool
) -> int:
    """Hold the judge of FILE against SAMPLE, records that people graded: agreement, and three known biases.

    Name the file that it writes as `calibration` of the check `judge`. Exit code 3: the judge may not be trusted.
    """
    import json

    from veridical.spec.text import read_text
    from veridical.stages.text_calibrate import Sample, calibrate_judge

    given = Sample(path=sample, label=label_field, author=author_field, pairs=pairs)
    done = calibrate_judge(read_text(file), given, output if output is not None else file.parent / "judge.json")
    for line in [json.dumps(done.found.to_dict(), indent=1)] if as_json else done.lines():
        click.echo(line)
    return 0 if done.found.trusted else FAILED


def _go(spec: TextSpec, folder: Path, *, quiet: bool, retry_failed: bool) -> int:
    from veridical.cli.text_progress import LiveText
    from veridical.stages.text import run_text

    with LiveText(records=spec.records, quiet=quiet) as live:
        done = run_text(spec, folder, _context(), told=live, retry_failed=retry_failed)
    _tell(done, spec)
    if spec.gates is not None and done.harvested.accepted:
        _conclude(spec, done, quiet=quiet)
    elif spec.export and done.harvested.accepted:
        _hand_out(spec, done)
    return 0 if done.complete else OVER_BUDGET


def _conclude(spec: TextSpec, done: TextRun, *, quiet: bool) -> None:
    """Judge the accepted records as a whole; export, sign and release them when every gate passes."""
    from veridical.cli.progress import TerminalProgress
    from veridical.core.contracts import RunContext
    from veridical.integrations.export import export
    from veridical.stages.text_release import check_release, release_text
    from veridical.stages.text_verdict import judge_text, outcome_lines

    with TerminalProgress(quiet=quiet) as progress:
        judged = judge_text(spec, done, RunContext(seed=spec.seed, progress=progress))
    for line in outcome_lines(judged):
        click.echo(line)
    if not spec.release:
        check_release(done, judged)
        return
    exports = done.folder / "export"
    if spec.export and judged.releasable:
        export(done.folder, exports, spec.export, licence=spec.licence, seed=spec.seed)
    released = release_text(spec, done, judged, exports=exports if spec.export else None)
    click.echo(f"released    {released.folder}  (signed by {released.key_id[:16]}...)")


def _hand_out(spec: TextSpec, done: TextRun) -> None:
    """Write the exports of a run that has no gates, and say that nobody judged them."""
    from veridical.integrations.export import export

    export(done.folder, done.folder / "export", spec.export, licence=spec.licence, seed=spec.seed)
    click.echo(f"exported    {done.folder / 'export'}  (not judged, not signed: name `gates:` for that)")


def _folder(spec: TextSpec, output: Path | None, file: Path) -> Path:
    return output or spec.output or Path("runs") / file.stem


def _context() -> Any:
    from veridical.core.contracts import RunContext

    return RunContext()


def _pointed(spec: TextSpec, endpoint: str | None) -> TextSpec:
    if endpoint is None:
        return spec
    from copy import deepcopy
    from dataclasses import replace

    from veridical.core.errors import SpecError
    from veridical.spec.text import parse_text

    first = spec.models["teacher"][0]
    if first.provider not in ("openai_compatible", "anthropic"):
        raise SpecError(f"{first.provider} has no endpoint", where="--endpoint", fix="name a model of a server")
    # In the document itself: the run's folder keeps it, and `text resume` asks the same server.
    value = deepcopy(spec.document.value)
    teacher = value["models"]["teacher"]
    chosen = teacher[0] if isinstance(teacher, list) else teacher
    value["models"]["teacher"] = {**chosen, "base_url": endpoint}
    return parse_text(replace(spec.document, value=value), beside=spec.beside)


def _show(spec: TextSpec) -> int:
    from veridical.stages.text_forecast import dry_run

    for line in dry_run(spec).lines():
        click.echo(line)
    return 0


def _tell(done: TextRun, spec: TextSpec) -> None:
    from veridical.stages.text_judging import judges_of, judging
    from veridical.stages.text_words import summary

    for line in summary(done):
        click.echo(line)
    for words in judging(spec, done.folder) if judges_of(spec) else ():
        click.echo(f"judging     {words}")


def _named(item: str) -> tuple[str, str]:
    name, given, path = item.partition("=")
    return (name, path) if given else (Path(item).stem, item)


def _short(words: str, width: int) -> str:
    one_line = " ".join(words.split())
    return one_line if len(one_line) <= width else one_line[: width - 1] + "…"
