"""A run over several specifications: its events, its progress, its troubles."""
