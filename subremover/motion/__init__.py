"""What other frames of a shot show at a place, and how far to trust it."""
