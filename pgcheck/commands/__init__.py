"""The commands, by what they are about. A command imports what it needs when it is obeyed."""
