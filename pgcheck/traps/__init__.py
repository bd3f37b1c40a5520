"""`pgcheck traps`: the table of how instructions end, for people, programs and browsers."""
