"""What a run would do, to look at before it is done: pictures of a few frames, and a page of all events."""
