"""Benchmarks: peers and veridical in one run on the same work, written as dated JSON under `results/`."""
