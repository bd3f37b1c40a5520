"""An access that starts in a device's window runs past its end."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.models.memory:Window.holds",
    edits=((" and address + count <= self.base + self.size", " and address < self.base + self.size"),),
    by=("DV2 riscv64", "DV2 bus"),
    how=(
        "The device is asked for registers behind its last one, and what lies behind the window does not see "
        "its part of the access."
    ),
)
