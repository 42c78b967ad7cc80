"""Where lettering may stand: cheap questions of every frame, and the text detector."""
