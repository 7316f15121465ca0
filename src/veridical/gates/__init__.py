"""Which figures must hold for a release, and did they?"""
