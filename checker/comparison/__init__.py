"""Whether two specifications are the same machine: per instruction, and what surrounds them."""
