"""Encodings: fields and unit sequences, decode and encode, coverage, templates and assembly text."""
