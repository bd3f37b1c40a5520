"""The guest can make the real machine follow its virtual status word (XSA-202)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.world:world",
    edits=(("    return World(shared, own,", "    return World((*shared, machine.modes.leaf), own,"),),
    by=("EQ2 m68010",),
    how=(
        "The real mode is built from the guest's: its kernel runs in real supervisor mode. Where page tables or bounds confine a guest, no monitor can then be made."
    ),
)
