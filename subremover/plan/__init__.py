"""The plan of a film: what is to be removed, on disk and in memory."""
