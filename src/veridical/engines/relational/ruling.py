"""How do finished tables come to keep rules that count over several rows? As made-up ones of no source do."""

from veridical.prepare.linked_ruling import ruled as ruled
