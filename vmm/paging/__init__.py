"""Shadow page tables, written by asking the processor's own walk."""
