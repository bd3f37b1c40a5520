"""The text of IDL-core as trees: grammar, places, and refusals in plain words."""
