"""Made-up values by type and locale: names, addresses, numbers, identifiers, patterns."""
