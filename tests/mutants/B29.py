"""A guest's store to its page table does not invalidate the shadow entry."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.paging.shadow:ShadowTables.stored",
    edits=(('        self._drop(entry, "drop")\n', ""),),
    by=("EQ2 riscv64", "SH1 riscv64 maps", "SH1 riscv64"),
    how=("The processor goes on with what the guest's tables said before."),
)
