"""What a stopped run goes on from: the work folder beside the target."""
