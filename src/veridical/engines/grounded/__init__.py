"""Questions, answers and queries that stand on documents, with offsets that prove it."""
