"""What manuals say of devices, as machines that share no code with those that run, and drivers that hold one against the other."""
