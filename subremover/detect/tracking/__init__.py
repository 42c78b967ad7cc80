"""Lines followed from frame to frame: when they come, how they go."""
