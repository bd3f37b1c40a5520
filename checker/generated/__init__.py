"""Generated Python held against the terms that proofs are about."""
