"""Engines for one table."""
