"""Fills the holes of frames: borrowed from other frames, unmixed, or painted; frames are read elsewhere."""
