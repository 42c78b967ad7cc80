"""Pictures of films by frame index."""
