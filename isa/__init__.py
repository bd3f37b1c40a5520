"""The language of specifications: load, parse, type-check, encode and decode."""
