"""The command: its options, what it says, where its outputs go."""
