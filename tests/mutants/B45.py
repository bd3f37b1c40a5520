"""A page table may map itself writable (XSA-185, XSA-243)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.paging.shadow:ShadowTables._fill",
    edits=(
        (
            " or any(guest_page in self.ledger.touched(load) for load in derived):",
            " and not any(guest_page in self.ledger.touched(load) for load in derived):",
        ),
    ),
    by=("EQ2 riscv64", "SH1 riscv64 maps", "SH1 riscv64"),
    how=("An entry through which a table is reached that it was derived from itself keeps its permission to store."),
)
