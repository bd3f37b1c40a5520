"""A signed comparison lets a negative number of a queue entry through (CVE-2011-2512)."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.models.devices.virtqueue:Queue._chain",
    edits=(("    number = head\n", "    number = head - 0x10000 if head & 0x8000 else head\n"),),
    by=("DV2 riscv64", "DV2 disk"),
    how=(
        "Heads from 8000 hex on are negative: they pass the comparison with the length and name descriptors "
        "in front of the table, where the rules ask for a reset."
    ),
)
