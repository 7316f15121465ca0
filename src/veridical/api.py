"""The whole spine in a few functions: read, learn, fit, synthesize, validate, release, run."""
