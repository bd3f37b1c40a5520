"""A device's buffer has no bound for some commands (VENOM)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.models.devices.console:Console._send",
    edits=(("    elif len(self.received) < FIFO:\n", "    elif len(self.received) <= FIFO:\n"),),
    by=("DV2 riscv64", "DV2 console"),
    how=(
        "In loop mode a guest fills the receiver itself; one byte more than it holds pushes the oldest out "
        "where the 16550 reports an overrun."
    ),
)
