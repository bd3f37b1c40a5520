"""The software walk ignores reserved bits (XSA-176)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.vmm.translate:Recorder.load",
    edits=(
        (
            "        return self.pretended[address, count]\n    return self.memory.load(address, count)",
            "        return self.pretended[address, count]\n"
            "    return self.memory.load(address, count) & (1 << 54) - 1",
        ),
    ),
    by=("EQ2 riscv64", "SH1 riscv64 maps"),
    how=(
        "The walk is the specification's own; the mutant clears the reserved bits of what it reads (63 to 54 "
        "of an entry of Sv39), so the monitor maps pages for which the guest's processor faults."
    ),
)
