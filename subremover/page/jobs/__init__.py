"""Jobs: what was asked, in which process it runs, and when."""
