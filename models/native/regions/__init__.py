"""Tier 1: hot code of a guest as one function each, with the state in registers of the processor."""
