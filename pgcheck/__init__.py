"""Decides from an instruction set's specification whether its machine can be virtualized by trap and emulate."""

__version__ = "0.1.0"
