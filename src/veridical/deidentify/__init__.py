"""What names a person in text and tables is found, and replaced so that the same stays the same."""
