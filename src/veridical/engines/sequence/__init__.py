"""Sequences of many entities, or one long one: rows that follow each other and remember."""
