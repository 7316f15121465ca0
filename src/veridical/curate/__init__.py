"""Checks and pools: which generated records may stay?"""
