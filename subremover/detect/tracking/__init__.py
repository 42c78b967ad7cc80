"""Follows lines from frame to frame: when they come, and how they go."""
