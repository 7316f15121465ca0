"""Untrusted Python runs here, and nowhere else: `run.Sandbox` is the door, `level.Level` what it holds against."""
