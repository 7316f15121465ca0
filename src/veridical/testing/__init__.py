"""The conformance suites that third parties can run on their own engines, measures and providers."""
