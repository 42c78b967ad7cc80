"""Fills a film's frames, segment by segment."""
