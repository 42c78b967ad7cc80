"""What every stage leans on and that knows nothing of films: cores, threads, caches, profiles, files."""
