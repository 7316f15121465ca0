"""What users write, in YAML or Python: read, checked and explained with line numbers."""
