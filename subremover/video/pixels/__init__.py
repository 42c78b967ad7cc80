"""Samples of decoded frames: the planes they lie in, and pixel formats."""
