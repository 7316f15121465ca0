"""Is all of the real variety there: tails, rare values, every kind of row, and no row over and over?"""
