"""How values become bins, codes and distances that engines, measures and attacks share."""
