"""What the server answers about films, plans and jobs."""
