"""Many films: which there are, which are done, who has one in hand, and what came of each."""
