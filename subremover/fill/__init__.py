"""What belongs in the holes: borrowed, unmixed, painted."""
