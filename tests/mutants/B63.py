"""A backend accepts more requests than the ring has slots."""

from tests.mutants.mutant import Mutant

MUTANT = Mutant(
    target="pgcheck.models.devices.virtqueue:Queue.chains",
    edits=(("    if waiting > self.length:", "    if waiting > 0xFFFF:"),),
    by=("DV2 riscv64", "DV2 disk"),
    how=(
        "One notification then serves up to 65535 requests, each slot many times, where the driver has broken "
        "the rules."
    ),
)
