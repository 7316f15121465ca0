"""What do the newest results say? `python -m benchmarks.report` writes docs/benchmarks.md from results/*.json."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.environment import RESULTS, ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Every table here is written by `python -m benchmarks.report` from the newest dated JSON under `benchmarks/results/`.
Peers run in environments of their own, in the same run and on the same work as veridical. Machines are shared and
noisy: CPU seconds and ratios count, wall-clock time does not.
"""


_OUR_PRIVATE = ("aim", "mst", "dp-sgd", "dp-independent")


def newest(name: str) -> dict[str, Any] | None:
    """Return the newest result of a benchmark, or None where there is none."""
    files = sorted(RESULTS.glob(f"{name}-20*.json"))
    return json.loads(files[-1].read_text()) if files else None


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def tabular(result: Mapping[str, Any]) -> str:
    """Return the section on table generators."""
    head = ["data", "generator", "fit CPU-s", "sample CPU-s", "peak MB", "SDMetrics", "C2ST AUC", "pair TVD",
            "TSTR", "DCR share", "copies"]  # fmt: skip
    rows = []
    for row in result["rows"]:
        if not row["ok"]:
            rows.append([row["data"], row["generator"], f"did not finish: {row['note'][:60]}", *[""] * 8])
            continue
        cost = [f"{row[key]:.1f}" if key in row else "" for key in ("fit_cpu_s", "sample_cpu_s")]
        peak = f"{row['peak_mb']:.0f}" if "peak_mb" in row else ""
        figures = [f"{row[key]:.3f}" for key in ("sdmetrics", "c2st_auc", "pair_tvd", "tstr", "dcr_share")]
        rows.append([row["data"], row["generator"], *cost, peak, *figures, f"{row['copies']:.4f}"])
        if row.get("tstr_redrawn") is not None:
            rows.append([row["data"], "real rows, target redrawn", *[""] * 6, f"{row['tstr_redrawn']:.3f}", "", ""])
    return (
        "## Table generators\n\n`python -m benchmarks.tabular`\n\n"
        "All learn the same 80 % of the rows and make as many. "
        "C2ST (LightGBM, 0.5 is best), pair TVD and TSTR are against the held-out 20 %. The row of the real "
        "holdout is the limit (its TSTR is training on real rows; below it that of real rows whose target alone was "
        "drawn anew from a boosted model of it, which nothing that learns and does not copy gets far beyond). "
        "DCR share: 0.5 means nothing is nearer to training rows than to unseen ones. No figure here comes from "
        "veridical's own measures.\n\n" + table(head, rows)
    )


def leaves(value: Any, path: str = "") -> list[dict[str, Any]]:
    """Return one row per innermost object of a nested result, named by its path."""
    if not isinstance(value, dict):
        return []
    scalars = {key: item for key, item in value.items() if not isinstance(item, dict | list)}
    deeper = [row for key, item in value.items() for row in leaves(item, f"{path} {key}".strip())]
    return deeper if deeper else [{"what": path, **scalars}]


def plain(title: str, command: str) -> Callable[[Mapping[str, Any]], str]:
    """Return a section that shows a result's rows as they are."""

    def section(result: Mapping[str, Any]) -> str:
        rows = result.get("rows") or leaves({k: v for k, v in result.items() if k not in ("date", "machine")})
        head = list(dict.fromkeys(key for row in rows for key in row if not isinstance(row[key], dict | list)))[:12]
        return f"## {title}\n\n`{command}`\n\n" + table(head, [[_shown(row.get(key)) for key in head] for row in rows])

    return section


def private(result: Mapping[str, Any]) -> str:
    """Return the section on tables under epsilon: a line a tool and epsilon, its repeats averaged."""
    groups: dict[tuple[float, str], list[dict[str, Any]]] = {}
    for row in result["rows"]:
        groups.setdefault((row["epsilon"], row["tool"]), []).append(row)
    keys = ("pair_tvd", "triple_tvd", "c2st_auc", "tstr")
    lines: list[tuple[float, float, list[str]]] = []
    for (epsilon, tool), runs in groups.items():
        done = [run for run in runs if run["ok"]]
        named = [f"{epsilon:g}", f"**{tool}** (veridical)" if tool in _OUR_PRIVATE else tool, str(len(runs))]
        if not done:
            lines.append((epsilon, 9.0, [*named, runs[0]["note"][:60], *[""] * 5]))
            continue
        mean = {key: sum(run[key] for run in done) / len(done) for key in (*keys, "cpu_s")}
        peak = max(run["peak_mb"] for run in done)
        figures = [f"{mean[key]:.4f}" if key.endswith("tvd") else f"{mean[key]:.3f}" for key in keys]
        lines.append((epsilon, mean["pair_tvd"], [*named, *figures, f"{mean['cpu_s']:.1f}", f"{peak:.0f}"]))
    head = ["epsilon", "tool", "runs", "pair TVD", "triple TVD", "C2ST AUC", "TSTR", "CPU-s", "peak MB"]
    return (
        "## Differential privacy\n\n`python -m benchmarks.privacy --repeats 3`\n\n"
        "Adult, 39,074 rows, delta 1e-6, scored on the 20 % held out; at each epsilon the closest pairs first. Peers "
        "get bounds and categories for free (and 32 equal bins where they bin nothing themselves), veridical pays for "
        "its own. Real rows, training against held out, have a pair TVD of 0.021 "
        "and a triple TVD of 0.032.\n\n" + table(head, [line for *_, line in sorted(lines, key=lambda one: one[:2])])
    )


def text(result: Mapping[str, Any]) -> str:
    """Return the section on text runs: every tool on the same server, then ours alone: start, length, kills."""
    rows = []
    for tool, cases in result.get("tools", {}).items():
        for case, found in cases.items():
            names = ("asked", "delivered", "requests", "unavoidable_retries", "records_per_s", "cpu_s_per_1000",
                     "peak_mb", "paid_twice", "load")  # fmt: skip
            rows.append([tool, case, *(_shown(found.get(name)) for name in names), str(found.get("note", ""))[:60]])
    head = ["tool", "server", "asked", "delivered", "requests", "retries it made unavoidable", "records/s",
            "CPU s per 1,000", "peak MB", "paid twice", "load", "note"]  # fmt: skip
    parts = [
        "## Text",
        "`python -m benchmarks.text`: one mock server for all, 256 in flight. The load is that of a machine of two "
        "cores that others used meanwhile: records/s go with it, CPU seconds less so, and aiohttp's bare loop, which "
        "keeps no journal and checks nothing, is what was possible at the time. "
        + (f"Conditions: {result['conditions']}." if "conditions" in result else ""),
        table(head, rows),
    ]
    if start := result.get("first_request"):
        parts.append(
            f"First request {start['wall_s_least']:.2f} s after the command at best of {len(start['wall_s'])} starts, "
            f"at load {start['load']:.0f}; the whole call takes {start['cpu_s_of_the_call_least']:.2f} CPU s."
        )
    if flat := result.get("two_hundred_thousand"):
        parts.append(
            f"{flat['delivered']:,} of {flat['asked']:,} records in {flat['wall_s']:,.0f} s "
            f"({flat['records_per_s']:,.0f} a second at load {flat['load']:.0f}), {flat['cpu_s_per_1000']:.2f} CPU s "
            f"per 1,000, peak {flat['peak_mb']} MB (at 10, 50, 100 %: {flat.get('peak_mb_at_10_50_100_percent', '')})."
        )
    for server, found in result.get("kills", {}).items():
        parts.append(
            f"Killed -9 {found['kills']} times, {server}: {found['delivered']:,} of {found['asked']:,} delivered, "
            f"{found['lost']} lost, {found['doubled']} doubled, {found['paid_twice']:,} paid twice "
            f"(in flight at the kills, at most {found['window_at_kills']:,})."
        )
    return "\n\n".join(parts)


def validation(result: Mapping[str, Any]) -> str:
    """Return the section on judges: what each costs, and what it says of good, copied and real rows."""
    told = {
        "veridical": lambda row: "pass" if row["verdict"] == "pass" else f"fails {len(row['failed'])}: "
        + ", ".join(row["failed"][:3]) + (" ..." if len(row["failed"]) > 3 else ""),
        "mostlyai-qa": lambda row: f"score {row['score']:.3f}, DCR share {row['dcr_share']:.3f}",
        "syntheval": lambda row: f"hit rate {row['figures']['hit_rate']:.3f}, DCR {row['figures']['median_DCR']:.2f}",
    }  # fmt: skip
    rows = []
    for row in result["rows"]:
        if not row["ok"]:
            rows.append([row["judge"], row["played"], "", "", f"did not finish: {row['note'][:60]}"])
            continue
        says = told.get(row["judge"], lambda row: f"score {row['score']:.4f}")(row)
        rows.append([row["judge"], row["played"], f"{row['judge_cpu_s']:.2f}", f"{row['peak_mb']:.0f}", says])
    words = (
        "`python -m benchmarks.validation --rows 4000`: Adult. Played as synthetic are good rows (our engine's), the "
        "training rows themselves (memo), the good rows with 1 % of the training rows among them (leak), and real rows "
        "that nobody learned from. CPU seconds are the judge's own, without starting Python."
    )
    return f"## Judges\n\n{words}\n\n{table(['judge', 'played', 'CPU-s', 'peak MB', 'says'], rows)}"


def sequence(result: Mapping[str, Any]) -> str:
    """Return the section on sequences: each generator's figures on each set, the ceiling in brackets."""
    checks = ("sequence.discriminative", "sequence.lag_1", "sequence.length_ks", "sequence.predictive",
              "sequence.backward_time")  # fmt: skip
    rows = []
    for data, about in result["sets"].items():
        for name, figures in about.items():
            if not isinstance(figures, dict):
                continue
            shown = [_beside(figures.get(check)) for check in checks]
            costs = [_shown(figures.get(cost)) for cost in ("cpu_s", "cpu_times_ours")]
            rows.append(
                [data, name, *shown, _shown(figures.get("rules_broken")), *costs, str(figures.get("note", ""))[:60]]
            )
    head = ["set", "generator", "AUC of windows", "lag-1 error", "length KS", "next-step error", "backward time",
            "rules broken", "CPU-s", "times ours", "note"]  # fmt: skip
    words = (
        "In brackets, learned real ones beside held-out real ones; after the comma, the figure beside all real ones "
        "(lengths) or beside the learned ones. Of one long series stretches all over its time are held out."
    )
    return f"## Sequences\n\n`python -m benchmarks.sequence`. {words}\n\n{table(head, rows)}"


def _beside(figure: Any) -> str:
    if not isinstance(figure, dict) or figure.get("value") is None:
        return ""
    ceiling, whole = figure.get("ceiling"), figure.get("beside_all", figure.get("beside_learned"))
    said = _shown(figure["value"]) + ("" if ceiling is None else f" ({_shown(ceiling)})")
    return said + ("" if whole is None else f", {_shown(whole)}")


def linked(result: Mapping[str, Any]) -> str:
    """Return the section on linked tables."""
    rows = []
    for row in result["rows"]:
        if not row["ok"]:
            rows.append([row["data"], row["generator"], f"did not finish: {row['note'][:60]}", *[""] * 5])
            continue
        parts = [f"{row[part]:.1f}" for part in ("learn_cpu_s", "model_cpu_s", "sample_cpu_s") if part in row]
        figures = [f"{row['peak_mb']:,}", f"{row['worst_ks']:.4f}", row["joined"], _second(row, "joined_auc")]
        figures.append(f"{_second(row, 'chain_auc')} ({row['chain']})" if row.get("chain_auc") is not None else "")
        rows.append([row["data"], row["generator"], " + ".join(parts), *figures])
    head = ["data", "generator", "learn + model + sample CPU-s", "peak MB", "worst key's KS", "joined", "its AUC",
            "by parent, worst chain"]  # fmt: skip
    words = (
        "KS: children per parent, over every key. AUC: LightGBM on rows with all their parents' columns, rows split at "
        "random (of few parents each is known by heart: even a second real sample scores 1), then along one chain of "
        "links with no parent on both sides of a split. In brackets: one half of the real entities beside the other."
    )
    return f"## Linked tables\n\n`python -m benchmarks.linked`, {result['date']}. {words}\n\n{table(head, rows)}\n"


def _second(row: Mapping[str, Any], name: str) -> str:
    """Return an area under the curve, with that of a second real sample in brackets."""
    ceiling = row.get(f"{name}_ceiling")
    return f"{row[name]:.3f}" + ("" if ceiling is None else f" ({ceiling:.3f})")


SECTIONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "tabular": tabular,
    "scale": plain("Size", "python -m benchmarks.scale"),
    "rules": plain("Rules", "python -m benchmarks.rules"),
    "validation": validation,
    "attacks": plain("Privacy attacks", "python -m benchmarks.attacks"),
    "text": text,
    "text-checks": plain("Text checks", "python -m benchmarks.text_checks"),
    "sequence": sequence,
    "linked": linked,
    "privacy": private,
}


def main() -> None:
    """Write the page."""
    parts = [HEAD]
    for name, section in SECTIONS.items():
        result = newest(name)
        if result is not None:
            parts.append(section(result) + f"\n\nRun of {result['date']}, {result['machine']['cores']} cores.")
    PAGE.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    print(PAGE)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return "" if value is None else str(value)


if __name__ == "__main__":
    main()
