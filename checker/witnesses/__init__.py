"""Counterexamples: made small, replayed on integers, written to files."""
