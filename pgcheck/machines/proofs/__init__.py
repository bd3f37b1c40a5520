"""`prove-monitor` and its outputs."""
