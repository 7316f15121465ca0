"""How good are linked tables: their keys, their numbers of children, and what parents say of children?"""
