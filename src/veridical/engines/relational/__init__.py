"""How are linked tables learned and made: structure first, then rows that know their parents?"""
