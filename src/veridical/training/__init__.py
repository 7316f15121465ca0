"""Training neural models: the loop, checkpoints, DP-SGD."""
