"""Reads films: what they are, and their frames."""
