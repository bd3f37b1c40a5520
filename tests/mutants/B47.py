"""Frames are not scrubbed before they are given to another guest (XSA-100, XSA-364)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.vmm:Vmm.zero",
    edits=(("    self.host.bus.store(frame << self.page_shift, 1 << self.page_shift, 0)", "    return"),),
    by=(
        "ISO3 pg74 recycled",
        "ISO3 riscv64 recycled",
    ),
    how=(
        "The next guest reads what the last one left. Frames are cleared when they are taken and when they "
        "are given back, by the one function that the mutant empties."
    ),
)
