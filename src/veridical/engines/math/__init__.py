"""Questions in words with answers that were worked out, not guessed."""
