"""What is written about a run, by format."""
