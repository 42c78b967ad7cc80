"""The work folder beside the target, which a stopped run goes on from."""
