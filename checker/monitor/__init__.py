"""Proofs about the monitor: its own dispatcher, run on terms."""
