"""Restores images of any kind by untrained networks; knows nothing of films."""
