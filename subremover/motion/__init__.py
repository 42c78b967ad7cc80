"""What other frames of a shot show at a place, and how far off it is to be expected."""
