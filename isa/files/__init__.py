"""Specifications as files: errors with places, YAML trees, the keys that they may have, includes, and what is kept on disk."""
