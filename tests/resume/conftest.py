"""Fixtures of stopped runs."""

from stopped_runs import drawn, place, reference

__all__ = ["drawn", "place", "reference"]
