"""How many ten-field customers a CPU-second do Faker, Mimesis and veridical make? `python -m benchmarks.rules`"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.environment import Peer, python_of, run_script, write_result

PEERS = (
    Peer(
        name="faker",
        requirements=("faker==40.*",),
        script="faker_rules.py",
        options={"rows": 20_000, "weighting": True},
    ),
    Peer(
        name="faker-unweighted",
        requirements=("faker==40.*",),
        script="faker_rules.py",
        options={"rows": 20_000, "weighting": False},
    ),
    Peer(name="mimesis", requirements=("mimesis==19.*",), script="mimesis_rules.py", options={"rows": 20_000}),
    Peer(name="veridical", requirements=(), script="veridical_rules.py", options={"rows": 1_000_000, "csv": False}),
    Peer(name="veridical-csv", requirements=(), script="veridical_rules.py", options={"rows": 1_000_000, "csv": True}),
)
FIELDS = ("name", "email", "phone", "address", "city", "postcode", "company", "birth_date", "uuid", "amount")


def main() -> None:
    """Run all of them `--repeats` times, print the best of each, and write the dated result."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=3)
    repeats = options.parse_args().repeats
    results: dict[str, dict[str, dict[str, float | str]]] = {}
    for locale in ("en_US", "ko_KR"):
        results[locale] = {peer.name: _best(peer, locale, repeats) for peer in PEERS}
        base = float(results[locale]["faker"].get("rows_per_cpu_s", 0.0))
        print(f"\n{locale:<18}{'rows per CPU-s':>18}{'times Faker':>14}")
        for name, result in results[locale].items():
            rate = float(result.get("rows_per_cpu_s", 0.0))
            result["times_faker"] = round(rate / base, 2) if base else 0.0
            print(f"{name:<18}{rate:>18,.0f}{result['times_faker']:>14}  {result.get('note', '')}")
    print(write_result("rules", {"fields": FIELDS, "repeats": repeats, "results": results}))


def _best(peer: Peer, locale: str, repeats: int) -> dict[str, float | str]:
    script = Path(__file__).parent / "peers" / peer.script
    try:
        python = Path(sys.executable) if peer.name.startswith("veridical") else python_of(peer)
    except RuntimeError as failed:
        return {"note": f"not installed: {failed}"}
    rates, note = [], ""
    for repeat in range(repeats):
        run = run_script(python, script, {**peer.options, "locale": locale, "seed": repeat}, timeout_s=300)
        if run.ok:
            rates.append(run.answer["rows"] / run.answer["cpu_s"])
        note = run.note
    return {"rows_per_cpu_s": round(max(rates)), "runs": len(rates)} if rates else {"note": note}


if __name__ == "__main__":
    main()
