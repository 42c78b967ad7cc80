"""Everything of a film but its picture, and the file that it goes into."""
