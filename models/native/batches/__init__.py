"""Batches: thousands of cases made, run on two machines and compared in native code, which comes back at the first difference."""
