"""The text for people."""
