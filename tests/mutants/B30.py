"""Guest page tables become writable through an entry made before they were page tables (XSA-148)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.paging.shadow:ShadowTables._protect",
    edits=(("self._protected(e.permitted) != e.permitted]", "not e.permitted]"),),
    by=("EQ2 riscv64", "SH1 riscv64 maps", "SH1 riscv64"),
    how=("A page that becomes a page table keeps its writable mappings, so later stores to it go unseen."),
)
