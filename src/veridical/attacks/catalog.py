"""Which attacks are there?"""

from __future__ import annotations

from veridical.core.registry import Card, Registry


def _card(name: str, target: str, summary: str) -> Card:
    return Card(name=name, target=f"veridical.attacks.{target}", modality="table", summary=summary)


ATTACKS = Registry(
    "veridical.attacks",
    [
        _card("copies", "copies:Copies", "exact and near copies of training rows, against held-out rows"),
        _card("distance", "distance:Distance", "distance to the closest record, distance ratio, identical matches"),
    ],
)
