"""Who runs the shards: this process, several processes, or Ray."""
