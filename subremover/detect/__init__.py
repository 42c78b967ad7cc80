"""Finds the subtitles of a film: from pictures to a plan."""
