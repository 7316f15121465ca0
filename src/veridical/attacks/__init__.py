"""What could somebody learn of a person: attacks with baseline and control."""
