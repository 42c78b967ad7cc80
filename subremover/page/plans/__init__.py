"""Plans of films as the page reads, changes and merges them."""
