"""The bare machine and the monitored one side by side, and what comes of running them."""
