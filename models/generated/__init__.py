"""Python generated from the one intermediate form: the fast engine."""
