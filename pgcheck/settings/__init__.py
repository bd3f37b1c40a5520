"""Settings from the command line and from pyproject.toml."""
