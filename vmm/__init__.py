"""The virtual machine monitor: what it intercepts and fixes."""
