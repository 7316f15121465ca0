"""Which measures of dialogues are there?"""

from __future__ import annotations

from veridical.core.registry import Card, Registry

_ROOM = "veridical.measures.dialogue"

DIALOGUE_MEASURES = Registry(
    "veridical.dialogue_measures",
    [
        Card(
            name="dialogue.success",
            target=f"{_ROOM}.success:Success",
            modality="dialogue",
            summary="goals reached, rules broken, customers true to their persona",
        ),
        Card(
            name="dialogue.shape",
            target=f"{_ROOM}.shape:Shape",
            modality="dialogue",
            summary="turns and acts against real dialogues, repetition",
        ),
    ],
)
