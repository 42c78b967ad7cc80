"""Which pixels belong to a line: strokes, outlines, shadows, boxes."""
