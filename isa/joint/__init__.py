"""Two specifications as one machine: a guest that is another machine than its host."""
