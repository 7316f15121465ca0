"""What people look at: the page, the card, the summary."""
