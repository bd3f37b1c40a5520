"""Mapping schemes of processors, one a file: how a guest reaches its frames there, and what must be true of that."""
