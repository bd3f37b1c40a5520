"""The guest can make the real machine follow its virtual status word (XSA-202)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.world:world",
    edits=(("    return World(shared, own,", "    return World((*shared, machine.modes.leaf), own,"),),
    by=(
        "RC1 riscv64",
        "EQ2 riscv64",
    ),
    how=("The real mode is built from the guest's: its kernel runs in real supervisor mode."),
)
