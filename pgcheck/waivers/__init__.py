"""Accepted differences: their file, and what they cover of a result."""
