"""The encoder of a picture, and what it is told."""
