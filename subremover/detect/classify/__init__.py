"""Tells what a line is (subtitle, lettering of the scene, logo), and which lines form one event."""
