"""Paints holes by untrained networks: jobs, the schedule, fitters."""
