"""The reference binding: a step on integers."""
