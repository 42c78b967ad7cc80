"""Marks the pixels that belong to a line: strokes, outlines, shadows, drawn boxes."""
