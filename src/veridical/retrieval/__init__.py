"""Which passages answer a query: search, training on synthetic queries, and what it gained."""
