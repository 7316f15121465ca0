"""What every other room stands on: data, schema, contracts, findings, seeds, digests, errors."""
