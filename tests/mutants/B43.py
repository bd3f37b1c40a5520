"""A frame is released while an update through it is under way (XSA-219)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.paging.shadow:ShadowTables._table",
    edits=(("(k for k, c in self.contexts.items() if c is not keep)", "iter(self.contexts)"),),
    by=("SH1 riscv64 maps with few tables",),
    how=(
        "Nothing runs at the same time here; what takes frames away is the shortage of them. The mutant takes "
        "the tables of the very context that is being filled, which is then written to all the same."
    ),
)
