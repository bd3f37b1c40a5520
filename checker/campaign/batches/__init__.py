"""Batches: a drawn case and a seed, and thousands of cases like it that native code makes, runs on both machines and compares."""
