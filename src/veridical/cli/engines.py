"""`veridical engines`: what can generate here?"""

from __future__ import annotations

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def engines(as_json: bool) -> None:
    """List the engines that are installed, plug-ins included."""
    import json
    from dataclasses import asdict

    from veridical.engines.catalog import ENGINES

    cards = list(ENGINES)
    if as_json:
        click.echo(json.dumps([asdict(card) for card in cards], indent=2))
        return
    width = max(len(card.name) for card in cards)
    for card in cards:
        needs = f" [needs veridical[{card.extra}]]" if card.extra else ""
        private = " [can be differentially private]" if card.private else ""
        click.echo(f"{card.name:<{width}}  {card.modality}, {card.maturity}: {card.summary}{needs}{private}")
