"""What lies on disk between stages: run folders, artefacts, journals, manifests, signatures."""
