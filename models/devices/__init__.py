"""Devices: what a computer has besides processor and memory. Each is its registers, and events at logical times."""
