"""Text tracks and SRT files."""
