"""How good is a set of generated texts, taken as a whole?"""
