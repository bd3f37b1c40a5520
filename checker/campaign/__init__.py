"""Campaigns: random whole guests on the bare machine and under a monitor, compared."""
