"""Synthetic data that can be trusted enough to ship."""
