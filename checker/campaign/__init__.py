"""Campaigns: whole programs on a bare machine and under its monitor, from one byte tape each."""
