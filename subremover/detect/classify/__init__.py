"""What a line is (subtitle, lettering of the scene, logo), and which lines are one event."""
