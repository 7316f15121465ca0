"""How good is the synthetic data: fidelity, utility, diversity, fairness."""
