"""Differential privacy: the ledger, its accountants, noise, mechanisms and domains."""
