"""The TLB is not flushed when the root is switched (XSA-294)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.tlb:Tlb.use",
    edits=(("        self.flush()\n", ""),),
    by=("SH2 riscv64", "SH1 riscv64 maps"),
    how=("A processor that remembers translations goes on with those of another root or mode."),
)
