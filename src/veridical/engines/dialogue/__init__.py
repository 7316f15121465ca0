"""Dialogues of a customer with a goal and an agent with tools, held against what should have come of them."""
