"""What is found in a source: kinds, personal data, keys, dependencies, missingness."""
