"""Recipes: how is a new text record asked of a language model?"""
