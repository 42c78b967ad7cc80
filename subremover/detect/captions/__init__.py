"""Captions in flux (words that pop, grow, roll or shake): looked at again, on every frame."""
