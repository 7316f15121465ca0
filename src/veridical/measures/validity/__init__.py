"""Could each synthetic row stand in the real table: ranges, grids, rules, dependencies?"""
