"""Which pixels are subtitle."""
