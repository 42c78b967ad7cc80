"""Paints holes by untrained networks: jobs, batches, workers."""
