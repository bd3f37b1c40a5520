"""Native code that engines run: what is asked of it, and how it is answered."""
