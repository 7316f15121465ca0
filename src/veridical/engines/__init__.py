"""The recipes that turn a source into a generator, a room for each modality."""
