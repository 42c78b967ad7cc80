"""Restores images of any kind by untrained networks; nothing here is about films."""
