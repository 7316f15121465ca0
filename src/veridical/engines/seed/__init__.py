"""Made-up rows that keep all that a database declares, with no real data."""
