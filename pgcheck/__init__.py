"""pgcheck decides from an instruction set's specification whether its machine can be virtualized by trap and emulate."""
