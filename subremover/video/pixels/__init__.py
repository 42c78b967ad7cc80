"""Samples of frames: planes and formats."""
