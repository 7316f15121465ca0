"""Data from declared rules alone, with no source."""
