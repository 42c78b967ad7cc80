"""Where lettering may stand: cheap tests on every frame, and the text detector where they say so."""
