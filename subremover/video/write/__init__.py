"""Writes films: segments, the whole, and whether it came out right."""
