"""A page in the browser on which a person chooses a film, looks, scans, mends and runs."""
