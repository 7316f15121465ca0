"""Bridges into other tools: training formats, pytest."""
