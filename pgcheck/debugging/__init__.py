"""A program under gdb: its remote serial protocol, the registers of a specification, memory as the processor sees it, stops."""
