"""Copied packets beside encoded ones in one picture."""
