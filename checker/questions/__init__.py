"""What is asked of one row: taint, the classical predicates, the hole, configurations and responses."""
