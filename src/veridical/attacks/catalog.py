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
        _card("singling-out", "singling_out:SinglingOut", "conditions that fit exactly one person"),
        _card("linkability", "linkability:Linkability", "two parts of a record linked through synthetic rows"),
        _card("inference", "inference:Inference", "a secret guessed from everything else"),
        _card("membership", "membership:Membership", "was this person learned from? density ratio, distances, shadows"),
        _card("rare-combinations", "combination:RareCombinations", "combinations that one person alone has"),
        _card("disclosure", "disclosure:Disclosure", "CAP, DiSCO and repU for keys and a secret"),
        _card("anonymity", "anonymity:Anonymity", "k-anonymity, l-diversity, t-closeness of what is released"),
        Card(
            name="entities",
            target="veridical.measures.sequence.privacy:EntityPrivacy",
            modality="sequences",
            summary="of sequences: copied courses, nearness to learned entities",
        ),
    ],
)
