"""Talking to language models: providers, limits, structured output, cost."""
