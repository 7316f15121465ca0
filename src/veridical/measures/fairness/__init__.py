"""Are groups of people there as in the source, and is what models learn of them no more unequal?"""
