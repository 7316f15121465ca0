"""Tables by small neural networks."""
