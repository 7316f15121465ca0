"""Sequential trees: each column is drawn from a tree on the columns before it."""
