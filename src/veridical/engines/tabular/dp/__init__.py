"""Tables learned through noisy marginals, under differential privacy."""
