"""How well do synthetic sequences move as real ones do, and is any entity's own course in them?"""
