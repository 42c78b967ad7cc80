"""Shows what a run would do, before it is done: pictures of a few frames, and a page of all events."""
