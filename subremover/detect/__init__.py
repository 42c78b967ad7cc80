"""Finds the subtitles of a film: from decoded pictures to a plan."""
