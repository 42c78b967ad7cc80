"""What every stage relies on, whatever the film: cores, threads, caches, profiles, files."""
