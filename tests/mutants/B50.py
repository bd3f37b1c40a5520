"""An update of many frames stops at one of them, and the books say that all were done (XSA-389)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.allocator:Allocator.take_run",
    edits=(("del free[at : at + count]", "del free[at : at + count - 1]"),),
    by=(
        "ISO3 pg74 recycled",
        "ISO3 riscv64 recycled",
    ),
    how=("The last frame of a run has an owner and is free as well, so two guests share it."),
)
