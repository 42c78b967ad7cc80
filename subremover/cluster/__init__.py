"""Renders films on the machines of a Ray cluster."""
