"""Everything at once on one machine, with callers, and a terminal that shows what it is worth."""
