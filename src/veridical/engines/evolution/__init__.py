"""Private Evolution: private data steers what a public model makes, through noisy votes alone."""
