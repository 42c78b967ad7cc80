"""What a line says: readers of many scripts, and which of them this machine has."""
